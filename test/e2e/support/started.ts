import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { Outcome } from '../../support/run.ts';
import type { Env } from './worker.ts';

/** A command at work. */
export interface Started {
  readonly pid: number;
  /** Sends a signal to the one process that was started, as a job runner does. */
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Outcome>;
}

/** Starts a command, in a process group of its own, and does not wait for it. */
export function start(command: string, args: readonly string[], env: Env, cwd = env['HOME'] ?? '/'): Started {
  const child = spawn(command, args, { env: { ...env }, cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const ended = once(child, 'close').then(async ([code, signal]): Promise<Outcome> => {
    const [stdout, stderr] = await output;
    return { code: (code as number | null) ?? undefined, signal: (signal as string | null) ?? undefined, stdout, stderr };
  });
  return { pid: child.pid ?? 0, kill: (signal) => void child.kill(signal), ended };
}
