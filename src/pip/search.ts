import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { entryId, type EntryKey } from '../cache/entry.ts';
import { isYanked, YANKED } from '../cache/yanked.ts';
import type { InstallContext, Remote } from '../context.ts';
import { closeSet, NotClosed, type Closure, type Wanted } from './closure.ts';
import { allowsArchive, assertHashed } from './hash-mode.ts';
import { pipKey, type PipEntry, type PipManifest } from './entry.ts';
import { findInstalled, findLeftover, isReplaceable, type InstalledView } from './installed.ts';
import type { Layout } from './python/schemes.ts';
import { sourcesOf, type Understood } from './understand.ts';

export type SearchContext = Pick<InstallContext, 'cache' | 'policy' | 'checkpoint' | 'interruptible'>;

/**
 * Looks for what an install asks for: in the environment, in the local cache, in the store. Changes nothing by itself, so that `explain` is
 * told by the same code that serves.
 */
export class Search {
  readonly #context: SearchContext;
  readonly #understood: Understood;
  /** What the interpreter sees. */
  readonly #environment: InstalledView;
  /** What counts as installed: where pip does not look, nothing does. */
  readonly installed: InstalledView;
  readonly #local = new Map<string, PipEntry>();
  readonly #pulled = new Set<string>();
  readonly #remote = new Map<string, PipManifest>();

  /** Reads what is installed. Throws NotClosed where a broken install has left something. */
  constructor(context: SearchContext, understood: Understood) {
    this.#context = context;
    this.#understood = understood;
    const { sitePaths } = understood.python;
    const leftover = findLeftover(sitePaths);
    if (leftover !== undefined) throw new NotClosed(`${leftover} is what a broken install has left`);
    this.#environment = findInstalled(sitePaths);
    this.installed = understood.destination.kind === 'target' ? new Map() : this.#environment;
  }

  /** The set that is asked for, with what is known of it by now. Throws NotClosed. */
  close(): Closure {
    const { request, python } = this.#understood;
    const { version: pip } = python.pip;
    const closure = closeSet({ request, markers: python.markers, pip, installed: this.installed, environment: this.#environment, find: (wanted) => this.find(wanted) });
    if (request.requireHashes) assertHashed(closure, pip);
    this.#assertPlaceable(closure);
    return closure;
  }

  /** Asks the store for manifests until nothing new is wanted; nothing large is fetched. Throws NotClosed, or as `checkpoint`. */
  async findRemotely(remote: Pick<Remote, 'manifests'>, start: Closure): Promise<Closure> {
    const asked = new Set<string>();
    for (let closure = start; ; closure = this.close()) {
      const keys = closure.missing.flatMap((wanted) => this.#keys(wanted)).filter((key) => !asked.has(entryId(key)));
      if (keys.length === 0) return closure;
      for (const key of keys) asked.add(entryId(key));
      this.#context.checkpoint();
      for (const [id, entry] of await this.#context.interruptible(remote.manifests(keys))) this.#remote.set(id, entry as PipManifest);
    }
  }

  /** The manifest of what is wanted, from the local cache or, if it was asked, the store. */
  find(wanted: Pick<Wanted, 'name' | 'pin' | 'requirement'>): PipManifest | undefined {
    for (const key of this.#keys(wanted)) {
      const id = entryId(key);
      const local = this.#local.get(id) ?? this.#context.cache.lookup<PipEntry['entry']['meta']>(key);
      if (local) this.#local.set(id, local);
      const entry = local?.entry ?? this.#remote.get(id);
      if (entry && this.#hasAllowedHash(wanted, entry)) return entry;
    }
    return undefined;
  }

  /** The local entry of a manifest that was found. */
  localEntry({ key }: PipManifest): PipEntry | undefined {
    return this.#local.get(entryId(key));
  }

  /** Takes note of what was pulled; of the store only that counts from now on. */
  addPulled(pulled: ReadonlyMap<string, unknown>): void {
    for (const [id, local] of pulled) {
      this.#local.set(id, local as PipEntry);
      this.#pulled.add(id);
    }
    this.#remote.clear();
  }

  /** How many of these entries were pulled. */
  countPulled(ids: readonly string[]): number {
    return ids.filter((id) => this.#pulled.has(id)).length;
  }

  /** Where an entry came from, or would come from. */
  readonly sourceOf = ({ key }: PipManifest): 'cached' | 'store' => {
    const id = entryId(key);
    return this.#pulled.has(id) || !this.#local.has(id) ? 'store' : 'cached';
  };

  /** Why policy has the cache leave a distribution alone, or undefined. */
  whyNot({ name, pin }: Pick<Wanted, 'name' | 'pin'>): string | undefined {
    return this.#context.policy.whyNot({ ecosystem: 'pip', name, version: pin }, sourcesOf(this.#understood.request));
  }

  /** Why a distribution that was looked for is not there, as far as that is known. */
  whyMissing(wanted: Pick<Wanted, 'name' | 'pin'>): string | undefined {
    return this.whyNot(wanted) ?? (this.#keys(wanted).some((key) => isYanked(this.#context.cache.root, key)) ? YANKED : undefined);
  }

  /** Under which keys a distribution may lie; none if policy is against it. */
  #keys(wanted: Pick<Wanted, 'name' | 'pin'>): EntryKey[] {
    const { platform, builtPlatform, origin, request } = this.#understood;
    if (this.whyNot(wanted) !== undefined) return [];
    const platforms = request.buildOptions ? [platform] : [platform, builtPlatform];
    return platforms.map((each) => pipKey(wanted.name, wanted.pin, each, origin));
  }

  #hasAllowedHash({ requirement }: Pick<Wanted, 'requirement'>, entry: PipManifest): boolean {
    const { request, python } = this.#understood;
    return !request.requireHashes || allowsArchive(requirement, entry.archive.sha256, python.pip.version);
  }

  /** Things that only show when it is known what would be placed. Throws NotClosed. */
  #assertPlaceable(closure: Closure): void {
    const { destination, layoutOf, request } = this.#understood;
    const { purelib, platlib } = layoutOf('').actual;
    for (const name of [...closure.entries.keys(), ...closure.missing.map((wanted) => wanted.name)]) {
      const present = this.installed.get(name);
      if (!present) continue;
      const here = present.location === purelib || present.location === platlib;
      if (destination.kind === 'prefix' || request.root !== undefined || !here) throw new NotClosed(`${name} is installed elsewhere`);
      if (!isReplaceable(present)) throw new NotClosed(`${name} is installed in a way that only pip can undo`);
    }
    if (destination.kind === 'target') assertMovable(closure, layoutOf(''));
    if (destination.kind !== 'environment' && destination.kind !== 'user') assertFresh(purelib, closure, destination.kind === 'target');
  }
}

/** What a wheel has as data in the library directory itself pip moves to a `--target` with the packages. Throws NotClosed. */
function assertMovable({ entries }: Closure, { recorded: { purelib, platlib, data } }: Layout): void {
  for (const { meta } of entries.values()) {
    const isData = meta.outside.find(({ scheme, path }) => scheme === 'data' && [purelib, platlib].some((lib) => join(data, path).startsWith(`${lib}/`)));
    if (isData !== undefined) throw new NotClosed(`${meta.name} has ${isData.path} as data among the packages`);
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
