import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('real_pip_parts.py', import.meta.url));

/** The answers of parts of a real pip, that of the `python3` on PATH. */
export function askParts<A>(kind: 'order' | 'record' | 'scripts', questions: readonly unknown[]): A[] {
  const input = JSON.stringify({ kind, questions });
  const env = { ...process.env, PYTHONIOENCODING: 'utf-8:surrogatepass' };
  return JSON.parse(execFileSync('python3', [SCRIPT], { input, env, maxBuffer: 1 << 26, encoding: 'utf8' })) as A[];
}

/** Numbers from 0 to `below`, the same for one seed. */
export function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
