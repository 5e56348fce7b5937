import { execa } from 'execa';

/** What a command left behind. `code` is undefined if a signal ended it. */
export interface Outcome {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What the command reads; nothing if not given. */
  readonly input?: string;
  /** Milliseconds until it is killed (and the promise rejects). */
  readonly timeout?: number;
}

/**
 * Runs a command with exactly the given environment and waits for it. A status other than 0 is an outcome;
 * only a command that cannot be started, or takes too long, rejects.
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const result = await execa(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...options.env },
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    timeout: options.timeout ?? 0,
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
  });
  if (result.timedOut || (result.exitCode === undefined && result.signal === undefined)) throw new Error(result.message);
  return { code: result.exitCode, signal: result.signal, stdout: result.stdout, stderr: result.stderr };
}

/** As `run`, but anything other than status 0 rejects, with what the command printed. */
export async function mustRun(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const outcome = await run(command, args, options);
  if (outcome.code !== 0) {
    const status = outcome.signal ?? String(outcome.code);
    throw new Error(`${command} ${args.join(' ')}: ${status}\n${outcome.stdout}\n${outcome.stderr}`);
  }
  return outcome;
}
