import { closeSync, mkdirSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { assertTrustworthy, LocalCache } from './cache/local.ts';
import { configFile, homeDirectory, processEnv, readSettings, type Env, type Settings } from './config.ts';
import { PkgCacheError } from './errors.ts';
import { startBackground } from './fleet/background.ts';
import { Spool, watch } from './fleet/spool.ts';
import { mirror, runTool } from './passthrough.ts';
import { EXEC, type Decision, type InstallContext, type Remote } from './pip/context.ts';
import { install } from './pip/install.ts';

/**
 * The app behind the shims. Called as
 *
 *     pip REAL ARG…            decides, and tells the shim by one line on fd 3 (see shims/pip)
 *     pip-continue REAL ARG…   has taken the shim's place: does it all
 *     pkg-cache ARG…           the admin command
 *     background               empties the spool
 */
async function main([mode = '', ...args]: readonly string[]): Promise<void> {
  if (mode === 'pip') return await decide(args);
  if (mode === 'pip-continue') return await takeOver(args);
  const { runCli } = await import('./cli/main.ts');
  process.exitCode = mode === 'background' ? await runCli(['background']) : await runCli(args);
}

/** Any failure of ours leaves the shim without an answer, or with `exec`: the real tool runs. */
async function decide(args: readonly string[]): Promise<void> {
  const parent = process.ppid;
  const isOrphan = (): boolean => process.ppid !== parent;
  // A caller who is gone wants nothing any more; what was begun is swept later. Before files are placed, checkpoints ask again.
  setInterval(() => isOrphan() && process.exit(1), ORPHAN_CHECK_MS).unref();
  const checkpoint = (): void => {
    if (isOrphan()) throw new Interrupted();
  };
  tell(await decision(args, false, checkpoint));
}

const ORPHAN_CHECK_MS = 100;

async function takeOver([tool = '', ...argv]: readonly string[]): Promise<void> {
  const env = processEnv();
  const stop = new StopRequest();
  let answer: Decision;
  try {
    answer = await decision([tool, ...argv], true, () => stop.check());
  } catch (error) {
    if (!(error instanceof Interrupted) || !stop.signal) throw error;
    stop.release(); // else the signal would be noted once more instead of ending us
    return mirror({ signal: stop.signal });
  } finally {
    stop.release();
  }
  if (answer.kind === 'exit') return mirror(answer.outcome);
  mirror(await runTool(tool, argv, answer.kind === 'report' ? { ...env, PIP_REPORT: answer.file } : env));
}

async function decision([tool = '', ...argv]: readonly string[], inCharge: boolean, checkpoint: () => void): Promise<Decision> {
  const env = processEnv();
  const umask = process.umask(0o022); // what goes into the cache is for all users of this machine
  try {
    const settings = readSettings(env, configFile());
    if (settings.cacheDir === undefined) return EXEC;
    return await install(installContext({ tool, argv, env, settings, cacheDir: settings.cacheDir, umask, inCharge, checkpoint }));
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    complain(error);
    return EXEC;
  } finally {
    process.umask(umask);
  }
}

interface Call {
  readonly tool: string;
  readonly argv: readonly string[];
  readonly env: Env;
  readonly settings: Settings;
  readonly cacheDir: string;
  readonly umask: number;
  readonly inCharge: boolean;
  readonly checkpoint: () => void;
}

function installContext({ tool, argv, env, settings, cacheDir, umask, inCharge, checkpoint }: Call): InstallContext {
  const uid = process.getuid?.() ?? 0;
  assertTrustworthy(cacheDir, uid);
  mkdirSync(cacheDir, { recursive: true });
  const cache = new LocalCache(cacheDir);
  const spool = new Spool(cache);
  const owner = { uid, gid: process.getegid?.() ?? 0, umask };
  const inBackground = (): void => startBackground(cache, fileURLToPath(import.meta.url), env);
  return {
    tool,
    argv,
    env,
    cwd: process.cwd(),
    home: homeDirectory(),
    platform: process.platform,
    owner,
    isTerminal: isatty(2),
    cache,
    linkMode: settings.linkMode,
    readyCopies: settings.readyCopies,
    openRemote: () => openRemote(cache, settings, env),
    inCharge,
    checkpoint,
    print: (text) => writeAll(1, text),
    printError: (text) => writeAll(2, text),
    runTool: async (toolEnv) => {
      process.umask(umask);
      return await runTool(tool, argv, toolEnv);
    },
    newReport: () => spool.newReport(),
    collectAfterwards: (details) => {
      // The shim becomes the real tool; in charge, we end after it.
      spool.add({ kind: 'collect', ecosystem: 'pip', after: watch(inCharge ? process.pid : process.ppid), details });
      inBackground();
    },
    prepareAgain: (ids) => {
      spool.add({ kind: 'prepare', ids, owner });
      inBackground();
    },
  };
}

async function openRemote(cache: LocalCache, settings: Settings, env: Env): Promise<Remote | undefined> {
  if (settings.store === undefined) return undefined;
  const { remoteStore } = await import('./fleet/remote.ts');
  return await remoteStore(cache, settings.store, env);
}

/** The caller is gone, or has told us to stop: nobody wants the result. */
class Interrupted extends Error {}

/** Remembers a signal until the next checkpoint, so that what was begun can be undone. */
class StopRequest {
  signal: NodeJS.Signals | undefined;
  readonly #handler = (signal: NodeJS.Signals): void => {
    this.signal ??= signal;
  };

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, this.#handler);
  }

  check(): void {
    if (this.signal) throw new Interrupted();
  }

  release(): void {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, this.#handler);
  }
}

/** At most one line, and the real tool does the work. */
function complain(error: unknown): void {
  if (error instanceof PkgCacheError) {
    writeAll(2, `pkg-cache: ${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}; left to the real tool\n`);
  } else {
    writeAll(2, `pkg-cache: ${error instanceof Error ? error.message : String(error)}; left to the real tool\n`);
  }
}

function tell(answer: Decision): void {
  const line = answer.kind === 'exit' ? `exit ${'code' in answer.outcome ? answer.outcome.code : 1}` : answer.kind === 'report' ? `report ${answer.file}` : answer.kind;
  writeAll(3, `${line}\n`);
  closeSync(3);
}

/** Standard streams may be pipes that take a part at a time, or be closed at the other end. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
    }
  }
}

await main(process.argv.slice(2));
