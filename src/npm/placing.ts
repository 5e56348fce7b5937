import type { MessagePort } from 'node:worker_threads';
import { canReflink, type LinkMode } from '../cache/copy.ts';
import { LocalCache } from '../cache/local.ts';
import type { BuiltMeta } from './built/key.ts';
import type { PackageMeta } from './entry.ts';
import { outermost } from './lockfile.ts';
import type { ReadyPackages } from './ready-packages.ts';
import { makeParents, placePackage } from './stage.ts';

/** Packages that are to be placed by several threads. Plain values, which can be sent to them. */
export interface Placing {
  /** That which `LocalCache` is given. */
  readonly cacheDir: string;
  readonly stage: string;
  readonly linkMode: LinkMode;
  /** Of the process. */
  readonly umask: number;
  readonly groups: readonly Group[];
}

/** Packages of which one lies in the directory of another, parents before children, each with the id of its entry. */
export type Group = readonly (readonly [location: string, id: string])[];

/** Sizes of the entries that were placed, by id. */
export type Sizes = ReadonlyMap<string, number>;

/** In groups of which none has anything to do with the directories of another. */
export function groupsOf(packages: Group): Group[] {
  const groups = new Map<string, [string, string][]>();
  for (const [location, id] of packages) {
    const top = outermost(location);
    const group = groups.get(top);
    if (group) group.push([location, id]);
    else groups.set(top, [[location, id]]);
  }
  return [...groups.values()];
}

/** Of each group, places the packages of which there are ready copies, up to the first of which there is none. Returns what is left of the groups, and the sizes of what was placed. */
export function takeReady(ready: ReadyPackages, { stage, umask, groups }: Pick<Placing, 'stage' | 'umask' | 'groups'>): { left: Group[]; sizes: Sizes } {
  const sizes = new Map<string, number>();
  const left = groups.flatMap((group): Group[] => {
    for (const [index, [location, id]] of group.entries()) {
      if (index > 0) makeParents(stage, [location], umask);
      const size = ready.take(id, `${stage}/${location}`);
      if (size === undefined) return [group.slice(index)];
      sizes.set(id, size);
    }
    return [];
  });
  return { left, sizes };
}

/** Which groups are left to be placed; `shared` can be sent to a thread, and says the same there. */
export class Turns {
  readonly shared: Int32Array<SharedArrayBuffer>;
  readonly #end: number;

  constructor(end: number, shared = new Int32Array(new SharedArrayBuffer(4))) {
    this.#end = end;
    this.shared = shared;
  }

  /** The number of a group that nobody else is given; undefined if there is none left. */
  next(): number | undefined {
    const index = Atomics.add(this.shared, 0, 1);
    return index < this.#end ? index : undefined;
  }

  /** Nobody begins another. */
  stop(): void {
    Atomics.store(this.shared, 0, this.#end);
  }
}

/** Places groups until none is left, and says of how many and of what. Undefined when one could not be placed: then nobody begins another. */
export function placeInTurns(cache: LocalCache, { stage, linkMode, umask, groups }: Placing, turns: Turns): { groups: number; sizes: Sizes } | undefined {
  const sizes = new Map<string, number>();
  let placed = 0;
  try {
    const reflink = linkMode === 'private' ? canReflink(cache.path('entries'), stage) : undefined;
    for (let index = turns.next(); index !== undefined; index = turns.next(), placed++) {
      for (const [location, id] of groups[index] ?? []) {
        const entry = cache.byId<PackageMeta | BuiltMeta>(id);
        if (!entry) throw new Error(`${location} is gone from the cache`);
        placePackage(stage, location, entry, { cache, linkMode, umask, reflink });
        cache.touch(entry);
        sizes.set(id, entry.entry.size);
      }
    }
    return { groups: placed, sizes };
  } catch {
    turns.stop();
    return undefined;
  }
}

/** What a thread that helps is asked. */
export interface Asked {
  readonly placing: Placing;
  readonly turns: Int32Array<SharedArrayBuffer>;
}

/** What it does, once: it answers with the sizes of what it has placed. The thread that started it has looked at the cache directory and set the umask. */
export function helpToPlace(port: MessagePort): void {
  port.once('message', ({ placing, turns }: Asked) => {
    port.postMessage(placeInTurns(new LocalCache(placing.cacheDir), placing, new Turns(placing.groups.length, turns))?.sizes);
  });
}
