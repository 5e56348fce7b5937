import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { entryId, type EntryKey } from '../cache/entry.ts';
import { ReadyCopies } from '../cache/ready.ts';
import { PkgCacheError } from '../errors.ts';
import { closeSet, NotClosed, type Closure, type Wanted } from './closure.ts';
import { EXEC, type Decision, type InstallContext, type Outcome, type Remote } from '../context.ts';
import { readReport } from './collect/report.ts';
import { pipKey, type PipEntry, type PipManifest } from './entry.ts';
import { findInstalled, findLeftover, isReplaceable, type InstalledView } from './installed.ts';
import { installationOrder } from './order.ts';
import { Output } from './output.ts';
import { Installation, type Placement } from './place/place.ts';
import { takeTurn } from '../place/turn.ts';
import { recoverTarget } from '../place/workshop.ts';
import { announceEnd, announceHits, announceIgnored, announceWhole, announceReplaced, announceSatisfied, explainMisses } from './announce.ts';
import { whyNotServed } from './refusals.ts';
import { collectDetails, sourcesOf, understand, type Understood } from './understand.ts';

/**
 * The path of an install.
 *
 * argv is recognised, or it is the real pip's alone. The set is closed over the entries' own metadata, from the local cache and then
 * from the store; a set that is not closed is the real pip's, which is watched so that what it brings is cached. A set that is all there is
 * placed, and that is the end. If part is missing, what is there is placed first and the real pip installs the rest; should it fail, what was
 * placed is taken back.
 */
export async function install(context: InstallContext): Promise<Decision> {
  const understood = understand(context);
  if ('leftToPip' in understood) return leave(context, understood.leftToPip);
  const refusal = whyNotServed(understood);
  if (refusal !== undefined) return observe(context, understood, refusal);
  try {
    return await attempt(context, understood);
  } catch (error) {
    if (error instanceof NeedsCharge) return { kind: 'continue' };
    if (error instanceof NotClosed) return observe(context, understood, error.message);
    if (error instanceof PkgCacheError && error.code === 'UNRECOGNISED') return observe(context, understood, error.message);
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

function leave(context: InstallContext, reason: string): Decision {
  if (context.argv.some((argument) => /^-v+$|^--verbose$/.test(argument))) context.print(`pkg-cache: left to pip: ${reason}\n`);
  return EXEC;
}

/** The real pip does it all; what it brings from an index is cached when it has ended. */
function observe(context: InstallContext, understood: Understood, reason: string): Decision {
  outputFor(context, understood).verbose(`pkg-cache: left to pip: ${reason}`);
  const file = collectAfterwards(context, understood);
  return file === undefined ? EXEC : { kind: 'report', file };
}

/** Where pip is to report to, if what it brings can be cached. */
function collectAfterwards(context: InstallContext, understood: Understood): string | undefined {
  if (understood.request.isolated) return undefined; // pip would not see PIP_REPORT
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

/** Copying fewer files than this takes no longer than to start the process that makes the next ready copies. */
const MANY_FILES = 500;

/** What follows is for the process that the caller waits for. */
class NeedsCharge extends Error {}

class Attempt {
  readonly #context: InstallContext;
  readonly #understood: Understood;
  readonly #output: Output;
  /** What the interpreter sees, as of when this install has the environment to itself. */
  #environment: InstalledView = new Map();
  readonly #local = new Map<string, PipEntry>();
  readonly #pulled = new Set<string>();
  readonly #remote = new Map<string, PipManifest>();

  constructor(context: InstallContext, understood: Understood) {
    this.#context = context;
    this.#understood = understood;
    this.#output = outputFor(context, understood);
  }

  async run(): Promise<Decision> {
    const claim = await takeTurn(this.#context.cache, this.#understood.layoutOf('').actual.purelib, this.#context.checkpoint);
    if (!claim) return observe(this.#context, this.#understood, 'another install is at work in the same environment');
    try {
      recoverTarget(this.#context.cache, this.#understood.layoutOf('').actual.purelib);
      return await this.#runAlone();
    } finally {
      claim.release();
    }
  }

  async #runAlone(): Promise<Decision> {
    const { sitePaths } = this.#understood.python;
    const leftover = findLeftover(sitePaths);
    if (leftover !== undefined) throw new NotClosed(`${leftover} is what a broken install has left`);
    this.#environment = findInstalled(sitePaths);
    const installed = this.#installed();
    const local = this.#close(installed);
    const closure = local.missing.length === 0 ? local : await this.#askStore(local, installed);
    if (closure.missing.length === 0) return this.#serve(closure, installed);
    if (!this.#canMix(closure)) {
      explainMisses(this.#output, closure, this.#sourceOf);
      return observe(this.#context, this.#understood, 'part of the set is not cached');
    }
    if (this.#context.role === 'aside') return { kind: 'continue' };
    explainMisses(this.#output, closure, this.#sourceOf);
    return await this.#serveAndRunPip(closure, installed);
  }

  /** Where pip does not look at what is installed, nothing counts as installed. */
  #installed(): InstalledView {
    const { destination } = this.#understood;
    return destination.kind === 'target' ? new Map() : this.#environment;
  }

  #close(installed: InstalledView): Closure {
    const { request, python } = this.#understood;
    const closure = closeSet({ request, markers: python.markers, installed, environment: this.#environment, find: (wanted) => this.#find(wanted) });
    if (request.requireHashes) assertHashed(closure);
    this.#assertPlaceable(closure, installed);
    return closure;
  }

  /** Under which keys a distribution may lie; none if policy is against it. */
  #keys({ name, pin }: Wanted): EntryKey[] {
    const { platform, builtPlatform, origin, request } = this.#understood;
    if (this.#context.policy.whyNot({ ecosystem: 'pip', name, version: pin }, sourcesOf(request)) !== undefined) return [];
    const platforms = request.buildOptions ? [platform] : [platform, builtPlatform];
    return platforms.map((each) => pipKey(name, pin, each, origin));
  }

  #find(wanted: Wanted): PipManifest | undefined {
    for (const key of this.#keys(wanted)) {
      const id = entryId(key);
      const local = this.#local.get(id) ?? this.#context.cache.lookup<PipEntry['entry']['meta']>(key);
      if (local) this.#local.set(id, local);
      const entry = local?.entry ?? this.#remote.get(id);
      if (entry && this.#hasAllowedHash(wanted, entry)) return entry;
    }
    return undefined;
  }

  #hasAllowedHash({ requirement }: Wanted, entry: PipManifest): boolean {
    if (!this.#understood.request.requireHashes) return true;
    return requirement.hashes.sha256?.includes(entry.archive.sha256) ?? false;
  }

  /**
   * Manifests first: a set that is not closed is found out before anything large is fetched. What takes long is left to the process
   * that is in charge, which gets the caller's signals.
   */
  async #askStore(closure: Closure, installed: InstalledView): Promise<Closure> {
    const remote = await this.#context.openRemote();
    if (!remote) return closure;
    let passedOn = false;
    try {
      const complete = await this.#findRemotely(remote, closure, installed);
      const wanted = [...complete.entries.values()].filter((entry) => !this.#local.has(entryId(entry.key)));
      if (this.#context.role === 'aside' && this.#isLong(complete, wanted)) throw new NeedsCharge();
      for (const [id, local] of await this.#context.interruptible(remote.pull(wanted.map((entry) => entryId(entry.key))))) {
        this.#local.set(id, local as PipEntry);
        this.#pulled.add(id);
      }
      this.#context.checkpoint();
      this.#remote.clear();
      const closed = this.#close(installed);
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
    const bytes = wanted.reduce((sum, entry) => sum + entry.size, 0);
    return bytes > LONG_PULL || (closure.missing.length > 0 && this.#canMix(closure));
  }

  async #findRemotely(remote: Remote, start: Closure, installed: InstalledView): Promise<Closure> {
    const asked = new Set<string>();
    for (let closure = start; ; closure = this.#close(installed)) {
      const keys = closure.missing.flatMap((wanted) => this.#keys(wanted)).filter((key) => !asked.has(entryId(key)));
      if (keys.length === 0) return closure;
      for (const key of keys) asked.add(entryId(key));
      this.#context.checkpoint();
      for (const [id, entry] of await this.#context.interruptible(remote.manifests(keys))) this.#remote.set(id, entry as PipManifest);
    }
  }

  /** Things that only show when it is known what would be placed. Throws NotClosed. */
  #assertPlaceable(closure: Closure, installed: InstalledView): void {
    const { destination, layoutOf, request } = this.#understood;
    const { purelib, platlib } = layoutOf('').actual;
    for (const name of [...closure.entries.keys(), ...closure.missing.map((wanted) => wanted.name)]) {
      const present = installed.get(name);
      if (!present) continue;
      const here = present.location === purelib || present.location === platlib;
      if (destination.kind === 'prefix' || request.root !== undefined || !here) throw new NotClosed(`${name} is installed elsewhere`);
      if (!isReplaceable(present)) throw new NotClosed(`${name} is installed in a way that only pip can undo`);
    }
    if (destination.kind !== 'environment' && destination.kind !== 'user') assertFresh(purelib, closure, destination.kind === 'target');
  }

  /** What the real pip does not see as installed it would install again. */
  #canMix(closure: Closure): boolean {
    const { destination, request } = this.#understood;
    const useful = [...closure.entries.keys()].some((name) => name !== 'pip');
    return useful && this.#context.role !== 'shielded' && (destination.kind === 'environment' || destination.kind === 'user') && request.root === undefined;
  }

  readonly #sourceOf = (entry: PipManifest): 'cached' | 'store' => (this.#pulled.has(entryId(entry.key)) ? 'store' : 'cached');

  #placements(closure: Closure, installed: InstalledView): (Placement & { wanted: Wanted })[] {
    return installationOrder(closure.graph, closure.entries.keys()).map((name) => {
      const wanted = closure.wanted.get(name);
      const manifest = closure.entries.get(name);
      const entry = manifest && this.#local.get(entryId(manifest.key));
      if (!wanted || !entry) throw new PkgCacheError('ENTRY_INVALID', `${name} is gone from the cache`);
      return { wanted, entry, displayName: wanted.displayName, requested: wanted.requested, replaces: installed.get(name) };
    });
  }

  #place(placements: readonly Placement[]): Installation {
    const { python, layoutOf } = this.#understood;
    const { cache, linkMode, owner } = this.#context;
    const { interpreter, facts, pip } = python;
    const [major, minor] = facts.version;
    const installation = new Installation(placements, {
      cache,
      ready: this.#usesReadyCopies(placements) ? new ReadyCopies(cache, owner) : undefined,
      linkMode,
      umask: owner.umask,
      layoutOf,
      scripts: { executable: interpreter.executable, platform: this.#context.platform, template: pip.scriptTemplate, pythonVersion: [major, minor] },
      uninstall: { cacheTag: facts.cacheTag, scripts: layoutOf('').actual.scripts, venv: interpreter.venv },
    });
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

  #serve(closure: Closure, installed: InstalledView): Decision {
    const placements = this.#placements(closure, installed);
    const installation = placements.length > 0 ? this.#place(placements) : undefined;
    announceIgnored(this.#output, this.#understood);
    announceSatisfied(this.#output, closure, this.#context.cwd);
    announceHits(this.#output, closure, placements, this.#sourceOf);
    announceReplaced(this.#output, placements);
    announceEnd(this.#output, placements, this.#understood, this.#context);
    installation?.close();
    this.#prepareAgain(placements);
    return { kind: 'exit', outcome: { code: 0 } };
  }

  async #serveAndRunPip(closure: Closure, installed: InstalledView): Promise<Decision> {
    // A pip that is replaced before it runs would no longer be the pip that was called: it replaces itself, as ever.
    const placements = this.#placements(closure, installed).filter(({ wanted }) => wanted.name !== 'pip');
    const installation = this.#place(placements);
    announceHits(this.#output, closure, placements, this.#sourceOf);
    const report = collectAfterwards(this.#context, this.#understood);
    const outcome = await this.#runPip(report, installation);
    if ('code' in outcome && outcome.code === 0) announceWhole(this.#output, placements, closure, readReport(report)?.every ?? []);
    this.#prepareAgain(placements);
    return { kind: 'exit', outcome };
  }

  /** A failed install leaves what a failed pip leaves: nothing of ours. */
  async #runPip(report: string | undefined, installation: Installation): Promise<Outcome> {
    let outcome: Outcome | undefined;
    try {
      outcome = await this.#context.runTool(report === undefined ? this.#context.env : { ...this.#context.env, PIP_REPORT: report });
      return outcome;
    } finally {
      if (outcome && 'code' in outcome && outcome.code === 0) installation.close();
      else installation.rollback();
    }
  }

  #prepareAgain(placements: readonly Placement[]): void {
    if (this.#usesReadyCopies(placements)) this.#context.prepareAgain(placements.map(({ entry }) => entry.id));
  }

  #usesReadyCopies(placements: readonly Placement[]): boolean {
    const { readyCopies, linkMode } = this.#context;
    return readyCopies && linkMode === 'private' && placements.reduce((sum, { entry }) => sum + entry.entry.count, 0) >= MANY_FILES;
  }
}

/** In hash mode every member has hashes, or pip refuses; the words are pip's own. */
function assertHashed(closure: Closure): void {
  for (const { requirement, displayName } of closure.wanted.values()) {
    if ((requirement.hashes.sha256?.length ?? 0) === 0) throw new NotClosed(`${displayName} has no sha256 hash, in hash mode`);
  }
}

/**
 * Into a directory of its own, pip does not look first what is there. With `--target` it then leaves out whatever of the new there is
 * something for at the top level, `bin` for instance, and says so.
 */
function assertFresh(lib: string, closure: Closure, isTarget: boolean): void {
  const names = existsSync(lib) ? readdirSync(lib) : [];
  const taken = names.find((name) => isTarget || name.endsWith('.dist-info') || name.endsWith('.egg-info'));
  if (taken !== undefined && closure.entries.size + closure.missing.length > 0) throw new NotClosed(`${join(lib, taken)} is there already`);
}
