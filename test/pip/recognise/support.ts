import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { recognise } from '../../../src/pip/recognise/argv.ts';
import type { Context, Recognition, Request } from '../../../src/pip/recognise/request.ts';

const SCRIPT = fileURLToPath(new URL('real_pip.py', import.meta.url));

/** The answers of the `python3` on PATH, from its own pip; undefined where that refuses or fails. */
export function askPip<A>(kind: string, questions: readonly unknown[]): (A | undefined)[] {
  const input = JSON.stringify({ kind, questions });
  const output = execFileSync('python3', [SCRIPT], { input, maxBuffer: 1 << 26, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
  return (JSON.parse(output) as { value?: A }[]).map(({ value }) => value);
}

/** A directory that is gone when the test ends, holding `files` by their relative paths. */
export function directory(files: Readonly<Record<string, string | Buffer>> = {}): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'recognise-')));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}

/** A context in which only `root` exists: home and working directory, and no configuration of the machine's user. */
export function context(root: string, env: Context['env'] = {}): Context {
  return { env: { XDG_CONFIG_DIRS: join(root, 'etc'), ...env }, cwd: root, home: root, platform: 'linux', sitePrefix: join(root, 'site') };
}

/** Recognises a command line that is written with spaces. */
export function recogniseLine(line: string, ctx: Context): Recognition {
  return recognise(line.split(' ').filter((word) => word !== ''), ctx);
}

/** The request of a command line that must be recognised as an install. */
export function requestOf(line: string, ctx: Context): Request {
  const recognition = recogniseLine(line, ctx);
  if (recognition.kind !== 'install') throw new Error(`not an install: ${JSON.stringify(recognition)}`);
  return recognition.request;
}
