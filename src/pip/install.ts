import { entryId } from '../cache/entry.ts';
import { ReadyCopies } from '../cache/ready.ts';
import { PkgCacheError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { NotClosed, type Closure, type Wanted } from './closure.ts';
import { EXEC, NeedsCharge, type Decision, type InstallContext, type Outcome, type Remote } from '../context.ts';
import type { PipManifest } from './entry.ts';
import { isDeliverable, runPipInside, whyNotInside } from './inside/run.ts';
import { observed } from './observe.ts';
import { installationOrder } from './order.ts';
import { Output } from './output.ts';
import { Installation, type Placement } from './place/place.ts';
import { takeTurn } from '../place/turn.ts';
import { recoverTarget } from '../place/transaction.ts';
import { announceEnd, announceHits, announceIgnored, announcePip, announceReplaced, announceSatisfied, announceWarnings, explainMisses } from './announce.ts';
import type { MissReason } from '../stats/record.ts';
import { whyNotServed } from './refusals.ts';
import { Search } from './search.ts';
import { collectDetails, understand, type LeftToPip, type Understood } from './understand.ts';

/**
 * The path of an install.
 *
 * argv is recognised, or it is the real pip's alone. The set is closed over the entries' own metadata, from the local cache and then
 * from the store; a set that is not closed is the real pip's, which is watched so that what it brings is cached. A set that is all there is
 * placed, and that is the end. If part is missing, the real pip runs with the cache inside of it (inside/run.ts): what the cache has is
 * placed at the moment when pip would unpack it.
 */
export async function install(context: InstallContext): Promise<Decision> {
  const understood = understand(context);
  if ('leftToPip' in understood) return leave(context, understood);
  const refusal = whyNotServed(understood);
  if (refusal !== undefined) return observe(context, understood, refusal, 'options');
  try {
    return await attempt(context, understood);
  } catch (error) {
    if (error instanceof NotClosed) return observe(context, understood, error.message, 'not closed');
    if (error instanceof PkgCacheError && error.code === 'UNRECOGNISED') return observe(context, understood, error.message, 'not recognised');
    throw error;
  }
}

/** What turns out to be damaged is taken out of the cache, and is a miss the second time. */
async function attempt(context: InstallContext, understood: Understood): Promise<Decision> {
  try {
    return await new Attempt(context, understood).run();
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'ENTRY_INVALID') throw error;
    return await new Attempt(context, understood).run();
  }
}

function leave(context: InstallContext, { leftToPip: reason, isInstall }: LeftToPip): Decision {
  if (isInstall) context.note({ ...NOTHING, why: 'not recognised' });
  if (context.argv.some((argument) => /^-v+$|^--verbose$/.test(argument))) context.print(`pkg-cache: left to pip: ${reason}\n`);
  return EXEC;
}

/** The real pip does it all; what it brings from an index is cached when it has ended. */
function observe(context: InstallContext, understood: Understood, reason: string, why: MissReason, missed = 0): Decision {
  context.note({ ...NOTHING, why, missed });
  outputFor(context, understood).verbose(`pkg-cache: left to pip: ${reason}`);
  const file = collectAfterwards(context, understood);
  return file === undefined ? EXEC : { kind: 'report', file };
}

const NOTHING = { local: 0, store: 0, missed: 0, bytes: 0, ids: [] };

/** Where pip is to report to, if what it brings can be cached. */
function collectAfterwards(context: InstallContext, understood: Understood): string | undefined {
  const file = context.newReport();
  return file !== undefined && context.collectAfterwards(collectDetails(understood, file)) ? file : undefined;
}

function outputFor(context: InstallContext, { request }: Understood): Output {
  return new Output({
    verbosity: request.verbosity,
    color: context.isTerminal && !request.noColor && (context.env['NO_COLOR'] ?? '') === '',
    logFile: request.logFile,
    stdout: context.print,
    stderr: context.printError,
  });
}

/** Pulling more than this many bytes takes long enough for somebody to want to stop it. */
const LONG_PULL = 32 << 20;

/**
 * Copying a set of fewer files and bytes takes no longer than starting the process that makes the next ready copies. So that process makes
 * several of each package of such a set, and is not started again before one has run out.
 */
const MANY_FILES = 500;
const MANY_BYTES = 16 << 20;
const COPIES_OF_SMALL = 4;

class Attempt {
  readonly #context: InstallContext;
  readonly #understood: Understood;
  readonly #output: Output;
  readonly #ready: ReadyCopies | undefined;
  readonly #began = Date.now();

  constructor(context: InstallContext, understood: Understood) {
    this.#context = context;
    this.#understood = understood;
    this.#output = outputFor(context, understood);
    this.#ready = context.readyCopies ? new ReadyCopies(context.cache, context.owner) : undefined;
  }

  async run(): Promise<Decision> {
    const claim = await takeTurn(this.#context.cache, this.#understood.layoutOf('').actual.purelib, this.#context.checkpoint);
    if (!claim) return observe(this.#context, this.#understood, 'another install is at work in the same environment', 'busy');
    try {
      recoverTarget(this.#context.cache, this.#understood.layoutOf('').actual.purelib, rootsOf(this.#understood));
      return await this.#runAlone();
    } finally {
      claim.release();
    }
  }

  async #runAlone(): Promise<Decision> {
    // What the interpreter sees, as of when this install has the environment to itself.
    const search = new Search(this.#context, this.#understood);
    const local = search.close();
    const closure = local.missing.length === 0 ? local : await this.#askStore(local, search);
    if (closure.missing.length === 0) return this.#serve(closure, search);
    if (!this.#canMix(closure)) {
      explainMisses(this.#output, closure, search.sourceOf);
      this.#context.announce(setOf(closure, this.#understood));
      const obstacle = closure.entries.size === 0 ? undefined : whyNotInside(this.#context);
      const reason = `part of the set is not cached${obstacle === undefined ? '' : `, and ${obstacle}`}`;
      return observe(this.#context, this.#understood, reason, 'not cached', closure.missing.length);
    }
    if (this.#context.role === 'aside') return { kind: 'continue' };
    explainMisses(this.#output, closure, search.sourceOf);
    return await this.#serveAndRunPip(closure, search);
  }

  /**
   * Manifests first: a set that is not closed is found out before anything large is fetched. What takes long is left to the process
   * that is in charge, which gets the caller's signals.
   */
  async #askStore(closure: Closure, search: Search): Promise<Closure> {
    const remote = await this.#context.openRemote();
    if (!remote) return closure;
    let passedOn = false;
    try {
      const complete = await this.#findRemotely(remote, closure, search);
      const wanted = [...complete.entries.values()].filter((entry) => !search.localEntry(entry));
      if (this.#context.role === 'aside' && this.#isLong(complete, wanted)) throw new NeedsCharge();
      search.addPulled(await this.#context.interruptible(remote.pull(wanted.map((entry) => entryId(entry.key)))));
      this.#context.checkpoint();
      const closed = search.close();
      // What could not be pulled the process in charge tries once more, before it leaves it to pip.
      if (this.#context.role === 'aside' && closed.missing.length > 0 && this.#canMix(closed)) throw new NeedsCharge();
      return closed;
    } catch (error) {
      passedOn = error instanceof NeedsCharge;
      throw error;
    } finally {
      this.#tellProblem(remote.problem(), passedOn);
      remote.close();
    }
  }

  /** What is missing in the end may be under way on another worker; then it is waited for, by the process that is in charge. */
  async #findRemotely(remote: Remote, closure: Closure, search: Search): Promise<Closure> {
    const { role, interruptible } = this.#context;
    const others = role === 'shielded' ? undefined : remote.others(setOf(closure, this.#understood));
    const found = await search.findRemotely(remote, closure);
    if (!others || found.missing.length === 0 || !(await interruptible(others.areAtWork()))) return found;
    if (role === 'aside') throw new NeedsCharge();
    this.#output.verbose('pkg-cache: waiting for another worker, which is installing the same');
    await interruptible(others.done());
    return await search.findRemotely(remote, search.close());
  }

  /**
   * One line, once: while the store is left alone, only `-v` hears of it. `passedOn`: the process in charge is about to ask again, and will
   * meet with the same, unless the store is left alone by then.
   */
  #tellProblem(problem: ReturnType<Remote['problem']>, passedOn: boolean): void {
    if (problem === undefined || (passedOn && !problem.lasting)) return;
    if (problem.known || this.#understood.request.verbosity < 0) this.#output.verbose(`pkg-cache: ${problem.message}`);
    else this.#context.printError(`pkg-cache: ${problem.message}; going on without it\n`);
  }

  #isLong(closure: Closure, wanted: readonly PipManifest[]): boolean {
    const bytes = sum(wanted, ({ size }) => size);
    return bytes > LONG_PULL || (closure.missing.length > 0 && this.#canMix(closure));
  }

  #canMix(closure: Closure): boolean {
    return canMix(closure, this.#understood, this.#context);
  }

  #placements(closure: Closure, search: Search): (Placement & { wanted: Wanted })[] {
    return installationOrder(closure.graph, closure.entries.keys()).map((name) => {
      const wanted = closure.wanted.get(name);
      const manifest = closure.entries.get(name);
      const entry = manifest && search.localEntry(manifest);
      if (!wanted || !entry) throw new PkgCacheError('ENTRY_INVALID', `${name} is gone from the cache`);
      return { wanted, entry, displayName: wanted.displayName, requested: wanted.requested, replaces: search.installed.get(name) };
    });
  }

  #begin(placements: readonly Placement[]): Installation {
    const { python, layoutOf } = this.#understood;
    const { cache, linkMode, owner } = this.#context;
    const { interpreter, facts, pip } = python;
    const [major, minor] = facts.version;
    return new Installation(placements, {
      cache,
      ready: this.#ready,
      linkMode,
      umask: owner.umask,
      layoutOf,
      roots: rootsOf(this.#understood),
      scripts: { executable: interpreter.executable, platform: this.#context.platform, template: pip.scriptTemplate, pythonVersion: [major, minor] },
      uninstall: { cacheTag: facts.cacheTag, scripts: layoutOf('').actual.scripts, venv: interpreter.venv },
    });
  }

  #place(placements: readonly Placement[]): Installation {
    const { cache } = this.#context;
    const installation = this.#begin(placements);
    try {
      installation.prepare();
      this.#context.checkpoint();
      installation.commit();
    } catch (error) {
      installation.rollback();
      throw error;
    }
    for (const { entry } of placements) cache.touch(entry);
    return installation;
  }

  #serve(closure: Closure, search: Search): Decision {
    const placements = this.#placements(closure, search);
    const installation = placements.length > 0 ? this.#place(placements) : undefined;
    announcePip(this.#output, this.#understood);
    announceWarnings(this.#output, this.#understood, placements);
    announceIgnored(this.#output, this.#understood);
    announceSatisfied(this.#output, closure, this.#context.cwd);
    announceHits(this.#output, closure, placements, search.sourceOf);
    announceReplaced(this.#output, placements);
    announceEnd(this.#output, placements, this.#understood, this.#context);
    installation?.close();
    this.#note(placements, closure, search);
    this.#prepareAgain(placements);
    return { kind: 'exit', outcome: { code: 0 } };
  }

  /** The real pip decides and does the rest; what the cache has it gets from there, at the moment when it would unpack it. */
  async #serveAndRunPip(closure: Closure, search: Search): Promise<Decision> {
    const placements = this.#placements(closure, search).filter((placement) => isDeliverable(placement, this.#understood));
    this.#context.announce(setOf(closure, this.#understood));
    const report = collectAfterwards(this.#context, this.#understood);
    const spent = Date.now() - this.#began;
    const installation = this.#begin(placements);
    const note = (text: string): void => this.#output.verbose(`pkg-cache: ${text}`);
    try {
      const ran = await runPipInside({ context: this.#context, understood: this.#understood, installation, placements, sourceOf: search.sourceOf, report, note });
      for (const { entry } of ran.placed) this.#context.cache.touch(entry);
      this.#note(ran.placed, closure, search, spent + ran.ms);
      this.#prepareAgain(ran.placed);
      const failed = ran.failure !== undefined && 'code' in ran.outcome && ran.outcome.code !== 0;
      return { kind: 'exit', outcome: failed ? await this.#runAgain(ran.failure, report) : ran.outcome };
    } finally {
      installation.close();
    }
  }

  /** pip has failed because of us: it gets to do it without us. What was installed before stays, as after any pip that fails. */
  async #runAgain(failure: string, report: string | undefined): Promise<Outcome> {
    this.#context.printError(`pkg-cache: ${failure}; left to the real pip\n`);
    return await this.#context.runTool(report === undefined ? this.#context.env : observed(this.#context.env, report));
  }

  #note(placements: readonly Placement[], { missing }: Closure, search: Search, ms?: number): void {
    const ids = placements.map(({ entry }) => entry.id);
    const store = search.countPulled(ids);
    const bytes = sum(placements, ({ entry }) => entry.entry.size);
    this.#context.note({ local: ids.length - store, store, missed: missing.length, bytes, ids, ...(missing.length > 0 && { why: 'not cached' }) }, ms);
  }

  #prepareAgain(placements: readonly Placement[]): void {
    const entries = placements.map(({ entry }) => entry);
    const target = this.#understood.layoutOf('').actual.purelib;
    const wanted = entries.filter((entry) => this.#ready?.isWanted(entry, target));
    const small = sum(entries, ({ entry }) => entry.count) < MANY_FILES && sum(entries, ({ entry }) => entry.size) < MANY_BYTES;
    if (wanted.length > 0) this.#context.prepareAgain(wanted.map(({ id }) => id), small ? COPIES_OF_SMALL : 1);
  }
}

/** The directories that pip may change: where files go, and where a version that is replaced may have files. */
function rootsOf({ layoutOf, python: { interpreter, sitePaths } }: Understood): string[] {
  return [...Object.values(layoutOf('').actual as unknown as Readonly<Record<string, string>>), ...sitePaths, ...(interpreter.venv === undefined ? [] : [interpreter.venv])];
}

function sum<T>(things: readonly T[], of: (thing: T) => number): number {
  return things.reduce((total, thing) => total + of(thing), 0);
}

/** The same for all workers that ask for the same, whatever each of them has of it. */
function setOf({ wanted }: Closure, { platform, origin }: Understood): string {
  const pins = [...wanted.values()].filter(({ requested }) => requested).map(({ name, pin }) => `${name}==${pin}`);
  return sha256(JSON.stringify([platform, origin, ...pins.sort()])).slice(0, 32);
}

/** Whether what is cached can be delivered to the real pip, which does the rest. */
export function canMix({ entries }: Closure, { destination }: Understood, context: Pick<InstallContext, 'role' | 'tool'>): boolean {
  return entries.size > 0 && context.role !== 'shielded' && destination.kind !== 'target' && whyNotInside(context) === undefined;
}
