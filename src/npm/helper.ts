import { mkdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { entryId, type EntryKey } from '../cache/entry.ts';
import type { LocalCache } from '../cache/local.ts';
import { Turns, groupsOf, placeInTurns, takeReady, type Asked, type Placing, type Sizes } from './placing.ts';
import type { ReadyPackages } from './ready-packages.ts';
import { complete, makeParents, type Manner, type Outline } from './stage.ts';

/** So many packages are copied about as soon as a thread has started. */
const FEW = 300;

/** A tree of more packages has a manifest of at least so many bytes. */
const WORTHWHILE = 40_000;

/** A thread of the app that helps to copy the packages of a tree, if there are likely to be enough of them: not where there are as many ready copies. */
export function threadFor(cache: LocalCache, tree: EntryKey, ready: ReadyPackages | undefined): Helper | undefined {
  const manifest = statSync(join(cache.entryDir(entryId(tree)), 'entry.json'), { throwIfNoEntry: false });
  return manifest && manifest.size >= WORTHWHILE && (ready?.shelves.size ?? 0) < FEW ? startHelper() : undefined;
}

function startHelper(): Helper | undefined {
  return availableParallelism() > 1 ? Helper.start(startThread) : undefined;
}

function startThread(): Worker {
  // To load this takes a while, and most installs need no thread.
  const threads = process.getBuiltinModule('node:worker_threads');
  return new threads.Worker(join(dirname(fileURLToPath(import.meta.url)), 'main.cjs'), { argv: ['place-thread'] });
}

/** A thread that does its share of placing the packages of one tree. */
export class Helper {
  readonly #worker: Worker;
  /** The sizes of what it has placed; undefined if it has not placed all that it had begun with. */
  readonly #answer: Promise<Sizes | undefined>;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#answer = new Promise((resolve) => {
      worker.once('message', resolve);
      // It has run out of memory, or was not allowed to start.
      worker.once('error', () => resolve(undefined));
      worker.once('exit', () => resolve(undefined));
    });
  }

  /** `start` starts a thread that calls `helpToPlace`; undefined if it cannot. */
  static start(start: () => Worker): Helper | undefined {
    try {
      return new Helper(start());
    } catch {
      return undefined;
    }
  }

  /**
   * Places packages, together with the thread. Returns the sizes of the entries by id; or undefined when something went wrong, whatever that
   * was: a part of the packages may be there then, and nobody is at work on them any more.
   */
  async place(cache: LocalCache, placing: Placing): Promise<Sizes | undefined> {
    const turns = new Turns(placing.groups.length);
    this.#worker.postMessage({ placing, turns: turns.shared } satisfies Asked);
    const ours = placeInTurns(cache, placing, turns);
    // On a busy machine it may not have started yet.
    if (ours?.groups === placing.groups.length) return ours.sizes;
    const theirs = await this.#answer;
    return ours && theirs && new Map([...ours.sizes, ...theirs]);
  }

  close(): void {
    void this.#worker.terminate();
  }
}

/** What is put together: as for one thread, but that packages are known by the ids of their entries, which are looked up when it is their turn. */
export interface Whole extends Manner, Outline {
  /** By integrity. */
  readonly ids: ReadonlyMap<string, string>;
  /** By location. */
  readonly built: ReadonlyMap<string, { readonly id: string }>;
  /** Undefined where ready copies are not to be used. */
  readonly ready: ReadyPackages | undefined;
}

/**
 * As `assemble` (stage.ts), but that ready copies are used; what else there is comes out of the cache, with a thread to help if that is worth it.
 * Returns the sizes of the entries by id, or undefined if it could not be done.
 */
export async function assembleTogether(helper: Helper | undefined, stage: string, { cache, linkMode, umask, meta, hidden, ids, built, ready }: Whole): Promise<Sizes | undefined> {
  mkdirSync(stage);
  const groups = groupsOf(meta.packages.map(([location, integrity]) => [location, built.get(location)?.id ?? ids.get(integrity) ?? '']));
  makeParents(stage, groups.flatMap(([first]) => (first ? [first[0]] : [])), umask);
  const taken = ready && takeReady(ready, { stage, umask, groups });
  const sizes = await placeAll(helper, cache, { cacheDir: dirname(cache.root), stage, linkMode, umask, groups: taken?.left ?? groups });
  if (sizes) complete(stage, { meta, hidden }, umask);
  return sizes && new Map([...(taken?.sizes ?? []), ...sizes]);
}

async function placeAll(given: Helper | undefined, cache: LocalCache, placing: Placing): Promise<Sizes | undefined> {
  const { groups } = placing;
  const count = groups.reduce((sum, group) => sum + group.length, 0);
  const helper = given ?? (count > FEW ? startHelper() : undefined);
  try {
    return helper ? await helper.place(cache, placing) : placeInTurns(cache, placing, new Turns(groups.length))?.sizes;
  } finally {
    helper?.close();
  }
}
