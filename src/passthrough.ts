import type { Duplex } from 'node:stream';
import type { Env } from './config.ts';

/** How a child ended. */
export type Outcome = { readonly code: number } | { readonly signal: NodeJS.Signals };

/** Signals that a caller sends to stop or to steer a tool. Node cannot pass on KILL and STOP. */
const FORWARDED: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'];

/**
 * Runs the real tool with our standard streams, in our process group, and passes signals on to it. INT and QUIT from a terminal reach the
 * tool by themselves, and are not sent twice. `answer` is asked what the tool asks, a line at a time, on its descriptor 3. Rejects only when
 * the tool cannot be started.
 */
export function runTool(tool: string, argv: readonly string[], env: Env, answer?: (line: string) => string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = process.getBuiltinModule('node:child_process').spawn(tool, argv, { stdio: answer ? ['inherit', 'inherit', 'inherit', 'pipe'] : 'inherit', env: { ...env } });
    if (answer) answerOn(child.stdio[3] as Duplex, answer);
    const handlers = FORWARDED.map((signal) => {
      const handler = (): void => {
        const fromTerminal = (signal === 'SIGINT' || signal === 'SIGQUIT') && process.stdin.isTTY; // to ask takes a while
        if (!fromTerminal) child.kill(signal);
      };
      process.on(signal, handler);
      return { signal, handler };
    });
    const restore = (): void => {
      for (const { signal, handler } of handlers) process.off(signal, handler);
    };
    child.on('error', (error) => {
      restore();
      reject(error);
    });
    child.on('close', (code, signal) => {
      restore();
      resolve(signal === null ? { code: code ?? 1 } : { signal });
    });
  });
}

/** Answers each line that comes in with one line. The other end may be gone at any time. */
function answerOn(channel: Duplex, answer: (line: string) => string): void {
  let text = '';
  channel.setEncoding('utf8');
  channel.on('error', () => undefined);
  channel.on('data', (part: string) => {
    const lines = (text + part).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) channel.write(`${answer(line)}\n`);
  });
}

/** Ends this process the way the tool ended: with its exit code, or by the same signal. */
export function mirror(outcome: Outcome): void {
  if ('code' in outcome) {
    process.exitCode = outcome.code;
    return;
  }
  process.kill(process.pid, outcome.signal);
  // Still here: the signal is one that does not end a process by default, or comes in a moment.
  process.exitCode = 128;
}
