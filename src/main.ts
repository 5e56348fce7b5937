import { closeSync, fstatSync, mkdirSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Aftermath } from './aftermath.ts';
import type { Lease } from './cache/lease.ts';
import { LocalCache, type CacheRules } from './cache/local.ts';
import { assertTrustworthy } from './cache/trust.ts';
import { configFiles, homeDirectory, ownEnv, processEnv, readSettings, type Env, type Settings } from './config.ts';
import { PkgCacheError } from './errors.ts';
import { mayBeDue, startBackground } from './fleet/start.ts';
import { Spool, watch, type Job, type Watched } from './fleet/spool.ts';
import { mirror, runTool } from './passthrough.ts';
import { EXEC, NeedsCharge, type Decision, type InstallContext, type Remote, type Role } from './context.ts';
import { install } from './pip/install.ts';
import { observed } from './pip/observe.ts';
import { Policy } from './policy.ts';
import { printable } from './printable.ts';
import { noteInstall } from './stats/record.ts';

/**
 * The app behind the shims. Called as
 *
 *     pip REAL ARG…            decides, and tells the shim by one line on fd 3 (see shims/pip)
 *     pip-shielded REAL ARG…   the same, for a caller that has signals ignored: never `continue`
 *     pip-continue REAL ARG…   has taken the shim's place: does it all
 *     npm REAL ARG…            the same for npm, which is never shielded
 *     npm-inside PLAN REAL ARG…
 *                              becomes the real npm (launch.cts, npm/inside/npm.ts)
 *     pkg-cache ARG…           the admin command
 *     background               empties the spool
 *     unpack-thread            unpacks for the thread that started this one (fleet/unpack-threads.ts)
 */
async function main([mode = '', ...args]: readonly string[]): Promise<void> {
  const [, ecosystem, manner] = /^(pip|npm)(|-shielded|-continue)$/.exec(mode) ?? [];
  if (ecosystem !== undefined) return await (manner === '-continue' ? takeOver : decide)(args, { ecosystem: ecosystem as Ecosystem, role: ROLES[manner as keyof typeof ROLES], aftermath: new Aftermath() });
  if (mode === 'unpack-thread') return (await import('./cli/unpack-thread.ts')).runUnpackThread();
  const { runCli } = await import('./cli/main.ts');
  process.exitCode = mode === 'background' ? await runCli(['background']) : await runCli(args);
}

type Ecosystem = 'pip' | 'npm';

/** What was asked for, and by whom. */
interface Asked {
  readonly ecosystem: Ecosystem;
  readonly role: Role;
  /** What is to be waited for (`synchronous`). */
  readonly aftermath: Aftermath;
}

const ROLES = { '': 'aside', '-shielded': 'shielded', '-continue': 'in charge' } as const;

/** Any failure of ours leaves the shim without an answer, or with `exec`: the real tool runs. */
async function decide(args: readonly string[], asked: Asked): Promise<void> {
  const parent = process.ppid;
  const answer = await uninterrupted(args, asked, () => process.ppid !== parent);
  if (!answer) return;
  tell(answer);
  process.exit(); // nothing is left to do, and to take the heap down in good order takes as long as a tenth of an install
}

/** We are the shim now: what it would do with the answer is for us to do. */
async function takeOver(args: readonly string[], asked: Asked): Promise<void> {
  const [tool = '', ...argv] = args;
  const answer = await uninterrupted(args, asked, () => false);
  if (!answer) return;
  const env = processEnv();
  const outcome = answer.kind === 'exit' ? answer.outcome : await runTool(tool, argv, answer.kind === 'report' ? observed(env, answer.file) : env);
  if ('code' in outcome && outcome.code === 0) await asked.aftermath.settle(flush);
  mirror(outcome);
}

async function flush(): Promise<void> {
  const { runCli } = await import('./cli/main.ts');
  await runCli(['flush']);
}

/** The decision; or undefined, and this process is about to end as whoever interrupted it wants. */
async function uninterrupted(args: readonly string[], asked: Asked, isOrphan: () => boolean): Promise<Decision | undefined> {
  const interruption = new Interruption(isOrphan, asked.role !== 'shielded');
  try {
    return await decision(args, asked, interruption);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    interruption.release(); // else the signal would be noted once more instead of ending us
    if (!interruption.signal) process.exit(1);
    mirror({ signal: interruption.signal });
    return undefined;
  } finally {
    interruption.release();
  }
}

async function decision([tool = '', ...argv]: readonly string[], { ecosystem, role, aftermath }: Asked, interruption: Interruption): Promise<Decision> {
  const env = processEnv();
  const cwd = currentDirectory();
  if (cwd === undefined) return EXEC;
  const umask = process.umask(0o022); // what goes into the cache is for all users of this machine
  let lease: Lease | undefined;
  let cache: LocalCache | undefined;
  try {
    const settings = readSettings(env, configFiles(env));
    if (settings.cacheDir === undefined) return EXEC;
    const policy = new Policy(settings);
    cache = openCache(settings.cacheDir, { ...settings, whyNot: (key) => policy.whyNot(key) });
    lease = cache.lease();
    const context = installContext({ ecosystem, tool, argv, env, cwd, settings, policy, cache, lease, umask, role, interruption, aftermath });
    const answer = ecosystem === 'pip' ? await install(context) : await (await import('./npm/install.ts')).install(context);
    aftermath.tell();
    keepInStep(cache, settings);
    return answer;
  } catch (error) {
    if (error instanceof Interrupted) {
      cache?.abandon();
      throw error;
    }
    if (NeedsCharge.is(error)) return { kind: 'continue' };
    complain(error);
    return EXEC;
  } finally {
    lease?.release();
    process.umask(umask);
  }
}

/** Starts what keeps this worker in step with the fleet, if it may be time for that. */
function keepInStep(cache: LocalCache, { store, syncInterval }: Settings): void {
  if (store === undefined || !mayBeDue(cache, store, syncInterval * 60_000)) return;
  try {
    startBackground(cache, launcher(), ownEnv());
  } catch {
    // The next install tries again.
  }
}

/** How long a background process may take to start, in seconds. */
const STARTING = 2;

interface Call {
  readonly ecosystem: Ecosystem;
  readonly tool: string;
  readonly argv: readonly string[];
  readonly env: Env;
  readonly cwd: string;
  readonly settings: Settings;
  readonly policy: Policy;
  readonly cache: LocalCache;
  readonly lease: Lease;
  readonly umask: number;
  readonly role: Role;
  readonly interruption: Interruption;
  readonly aftermath: Aftermath;
}

function openCache(directory: string, rules: CacheRules): LocalCache {
  const uid = process.getuid?.();
  assertTrustworthy(directory, uid);
  // It is not there: somebody else may have been faster.
  if (mkdirSync(directory, { recursive: true }) !== undefined) assertTrustworthy(directory, uid);
  return new LocalCache(directory, rules);
}

function installContext({ ecosystem, tool, argv, env, cwd, settings, policy, cache, lease, umask, role, interruption, aftermath }: Call): InstallContext {
  const began = Date.now();
  const waits = settings.synchronous && role === 'aside';
  const spool = new Spool(cache);
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getegid?.() ?? 0, umask };
  // The shim becomes the real tool; in charge, we end after it.
  const toolsEnd = (): Watched => watch(role === 'in charge' ? process.pid : process.ppid);
  let starting = -Infinity;
  const leave = (job: Job): boolean => {
    try {
      spool.add(job);
      if (settings.synchronous) aftermath.await(spool);
      // What was started a moment ago has work to do until the tool has ended, and finds this as well.
      if (process.uptime() - starting > STARTING) startBackground(cache, launcher(), ownEnv());
      starting = process.uptime(); // the global `performance` would be loaded first
      return true;
    } catch {
      return false; // A cache that cannot be written: it serves, and learns nothing.
    }
  };
  return {
    tool,
    argv,
    env,
    cwd,
    home: homeDirectory(),
    platform: process.platform,
    owner,
    isTerminal: isTerminal(2),
    cache,
    policy,
    linkMode: settings.linkMode,
    readyCopies: settings.readyCopies && settings.linkMode === 'private',
    openRemote: () => openRemote(cache, settings, env),
    role,
    checkpoint: () => interruption.check(),
    interruptible: (work) => interruption.race(work),
    print: (text) => writeAll(1, text),
    printError: (text) => writeAll(2, text),
    ...runnersOf({ tool, argv, lease, umask }),
    newReport: () => {
      // The shim becomes the real tool, and can wait for nothing after that.
      if (waits) throw new NeedsCharge();
      return spool.newReport();
    },
    collectAfterwards: (details, elapsed) => leave({ kind: 'collect', ecosystem, after: toolsEnd(), details, ...(elapsed !== undefined && { elapsed }) }),
    announce: (set) => {
      if (settings.store !== undefined && !settings.readOnly && !settings.offline && settings.waitLimit > 0) leave({ kind: 'flight', set, after: toolsEnd() });
    },
    note: (event, ms = Date.now() - began) => {
      const write = (): void => noteInstall(cache, { ecosystem, ...event }, ms);
      if (waits) aftermath.note(write);
      else write();
    },
    prepareAgain: (ids, copies) => void leave({ kind: 'prepare', ids, copies, owner }),
    assembleAgain: (details) => void leave({ kind: 'assemble', ecosystem, details, owner }),
  };
}

/** How the real tool is run by this process, which goes on afterwards. */
function runnersOf({ tool, argv, lease, umask }: Pick<Call, 'tool' | 'argv' | 'lease' | 'umask'>): Pick<InstallContext, 'runTool' | 'runInside'> {
  return {
    runTool: async (env, inside) => {
      if (!inside) lease.release(); // what was to be placed has been
      process.umask(umask);
      return await (inside ? runTool(inside.node, [launcher(), 'npm-inside', inside.plan, tool, ...argv], env) : runTool(tool, argv, env));
    },
    runInside: async (command, args, env, answer) => {
      process.umask(umask);
      const ended = runTool(command, args, env, answer);
      process.umask(0o022); // it runs, and what is made meanwhile is ours again
      return await ended;
    },
  };
}

/** Undefined where it is gone or cannot be reached: what that means is for the real tool to say. */
function currentDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

/** What the shims run: see launch.cts. */
function launcher(): string {
  return join(dirname(fileURLToPath(import.meta.url)), 'main.cjs');
}

/** Only where it may be one is loaded what can tell: it takes a tenth of an install from the cache. */
function isTerminal(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && process.getBuiltinModule('node:tty').isatty(fd);
  } catch {
    return false; // Closed.
  }
}

async function openRemote(cache: LocalCache, settings: Settings, env: Env): Promise<Remote | undefined> {
  if (settings.store === undefined || settings.offline) return undefined;
  const { remoteStore } = await import('./fleet/remote.ts');
  // An installer that a real tool has called must not wait for that very tool.
  const isNested = /^\d+:(?!1:)/.test(env['PKG_CACHE_GUARD'] ?? '');
  return await remoteStore(cache, settings.store, env, isNested ? 0 : settings.waitLimit * 1000, settings);
}

/** The caller is gone, or has told us to stop: nobody wants the result. */
class Interrupted extends Error {}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const LOOK_EVERY_MS = 100;

/** Notes that somebody wants us to stop, so that what was begun can be undone first. */
class Interruption {
  signal: NodeJS.Signals | undefined;
  readonly #isOrphan: () => boolean;
  #note = (signal: NodeJS.Signals): void => {
    this.signal ??= signal;
  };

  /** `heed`: signals are for us; otherwise they are ignored, as the caller had them. */
  constructor(isOrphan: () => boolean, heed: boolean) {
    this.#isOrphan = isOrphan;
    if (!heed) this.#note = () => undefined;
    for (const signal of STOP_SIGNALS) process.on(signal, this.#note);
  }

  check(): void {
    if (this.signal || this.#isOrphan()) throw new Interrupted();
  }

  /** Waits for `work` as long as nobody interrupts. */
  async race<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const interrupted = new Promise<never>((_resolve, reject) => {
      timer = setInterval(() => {
        if (this.signal || this.#isOrphan()) reject(new Interrupted());
      }, LOOK_EVERY_MS);
    });
    try {
      return await Promise.race([work, interrupted]);
    } finally {
      clearInterval(timer);
    }
  }

  release(): void {
    for (const signal of STOP_SIGNALS) process.off(signal, this.#note);
  }
}

/** At most one line, and the real tool does the work. */
function complain(error: unknown): void {
  if (error instanceof PkgCacheError) {
    writeAll(2, `pkg-cache: ${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}; left to the real tool\n`);
  } else {
    writeAll(2, `pkg-cache: ${printable(error instanceof Error ? error.message : String(error))}; left to the real tool\n`);
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

void main(process.argv.slice(2));
