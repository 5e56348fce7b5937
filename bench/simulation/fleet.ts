import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Room } from '../../src/cache/evict.ts';
import type { EntryKey } from '../../src/cache/entry.ts';
import type { LocalEntry } from '../../src/cache/local.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { unpacksHere } from '../../src/fleet/unpacker.ts';
import { Known } from '../../src/fleet/known.ts';
import { LeftOut } from '../../src/fleet/left-out.ts';
import { AT_ONCE } from '../../src/fleet/pace.ts';
import { Puller } from '../../src/fleet/pull.ts';
import { push } from '../../src/fleet/push.ts';
import { takePart } from '../../src/fleet/snapshot/election.ts';
import { warm } from '../../src/fleet/snapshot/warm.ts';
import { FleetState } from '../../src/fleet/state.ts';
import { sync } from '../../src/fleet/sync.ts';
import { sha512 } from '../../src/hash.ts';
import { Content, ListedCache } from './cache.ts';
import { MemoryStore } from '../../test/support/memory-store.ts';

export const ENDLESS: Room = { whyNot: () => undefined, whyNever: () => undefined, took: () => undefined };
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Which of the mechanisms are on. */
export interface Mechanisms {
  readonly sync: boolean;
  readonly snapshot: boolean;
}

export interface Scale {
  readonly workers: number;
  readonly hours: number;
  readonly lockfiles: number;
  readonly packages: number;
  /** Packages in a lockfile, on average. */
  readonly perLockfile: number;
  readonly jobsPerHour: number;
  /** How long a worker lives, on average. */
  readonly lifeHours: number;
}

/** What came of the packages that jobs asked for within an hour, and what that cost. */
export interface Hour {
  local: number;
  store: number;
  miss: number;
  gets: number;
  puts: number;
  lists: number;
}

/** Chance that is the same each time. Mulberry32. */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Picks from 0 to `count`, the n-th 1/n as often as the first. */
export function zipf(count: number, random: () => number): () => number {
  const sums: number[] = [];
  for (let n = 1, sum = 0; n <= count; n++) sums.push((sum += 1 / n));
  return () => {
    const at = random() * (sums.at(-1) ?? 0);
    return sums.findIndex((sum) => sum >= at);
  };
}

interface Worker {
  readonly directory: string;
  readonly cache: ListedCache;
  readonly fleet: Fleet;
  readonly dies: number;
}

/**
 * A fleet for some hours: the real code for asking the store, sync, elections, snapshots and warming up; caches that are lists of entries (cache.ts),
 * and a store in memory. Time is made up, in steps of ten minutes; `Date.now` is set to it.
 */
export class Simulation {
  readonly store = new MemoryStore(Math.floor(Date.now() / DAY) * DAY);
  readonly #scale: Scale;
  readonly #mechanisms: Mechanisms;
  readonly #directory: string;
  readonly #content: Content;
  readonly #random = chance(1);
  readonly #lockfiles: number[][];
  readonly #pick: () => number;
  readonly #workers: Worker[] = [];

  constructor(scale: Scale, mechanisms: Mechanisms, directory: string) {
    this.#scale = scale;
    this.#mechanisms = mechanisms;
    this.#directory = mkdtempSync(join(directory, 'fleet-'));
    this.#content = new Content(join(this.#directory, 'content'));
    const random = chance(2);
    const common = zipf(scale.packages, random);
    this.#lockfiles = Array.from({ length: scale.lockfiles }, () => [...new Set(Array.from({ length: Math.ceil(2 * scale.perLockfile * random()) }, common))]);
    this.#pick = zipf(scale.lockfiles, this.#random);
  }

  async run(): Promise<Hour[]> {
    const hours: Hour[] = [];
    const now = Date.now;
    Date.now = () => this.store.time;
    try {
      for (let hour = 0; hour < this.#scale.hours; hour++) hours.push(await this.#hour());
    } finally {
      Date.now = now;
    }
    return hours;
  }

  async #hour(): Promise<Hour> {
    const hour: Hour = { local: 0, store: 0, miss: 0, gets: 0, puts: 0, lists: 0 };
    for (let step = 0; step < 6; step++) {
      await this.#replace();
      for (const worker of this.#workers) {
        const { fleet } = worker;
        if (this.#random() < this.#scale.jobsPerHour / 6) await this.#job(worker, hour);
        if (this.#mechanisms.sync) await sync(fleet);
        if (this.#mechanisms.snapshot) await takePart(fleet);
      }
      this.store.time += HOUR / 6;
    }
    const { get = 0, create = 0, list = 0 } = this.store.account();
    return { ...hour, gets: get, puts: create, lists: list };
  }

  /** Workers that have lived long enough go, and others come, with nothing. */
  async #replace(): Promise<void> {
    for (const [at, worker] of [...this.#workers.entries()].reverse()) {
      if (worker.dies > this.store.time) continue;
      rmSync(worker.directory, { recursive: true, force: true });
      this.#workers.splice(at, 1);
    }
    while (this.#workers.length < this.#scale.workers) {
      const worker = this.#start();
      this.#workers.push(worker);
      if (this.#mechanisms.snapshot) await warm(worker.fleet, () => undefined);
    }
  }

  #start(): Worker {
    const directory = mkdtempSync(join(this.#directory, 'worker-'));
    const cache = new ListedCache(directory, this.#content);
    mkdirSync(cache.path('state'), { recursive: true });
    const settings = { syncEvery: HOUR / 6, syncWindow: 7 * DAY, snapshotEvery: DAY, snapshotLimit: 5e9, storeWindow: 0 };
    const unpacker = unpacksHere(cache, { npm: (_cache, key, _meta, archive) => cache.add(this.#content.make(key, archive)) });
    const fleet = { cache, store: this.store, group: 'simulated', everywhere: 'any', settings, state: new FleetState(cache, 'x'), known: new Known(cache, 'x'), unpacker, allowed: () => true, leftOut: new LeftOut(cache, 'x'), room: ENDLESS, pace: AT_ONCE, log: () => undefined };
    return { directory, cache, fleet, dies: this.store.time - Math.log(1 - this.#random()) * this.#scale.lifeHours * HOUR };
  }

  /** A job installs a lockfile: from the cache, from the store, or from the registry. */
  async #job({ fleet: { store }, cache }: Worker, hour: Hour): Promise<void> {
    for (const n of this.#lockfiles[this.#pick()] ?? []) {
      const key = keyOf(n);
      const local = cache.lookup(key);
      const pulled = local ? undefined : await this.#pull(cache, key, n);
      hour[local ? 'local' : pulled ? 'store' : 'miss']++;
      const entry = local ?? pulled ?? cache.add(this.#content.make(key, archiveOf(n)));
      if (!local && !pulled) await push(cache, store, entry);
      cache.touch(entry);
    }
  }

  async #pull(cache: ListedCache, key: EntryKey, n: number): Promise<LocalEntry | undefined> {
    const puller = new Puller(cache, this.store, unpacksHere(cache, {}), () => undefined);
    const pulled = await puller.pullOriginals([{ key, sha512: sha512(archiveOf(n)) }], (_original, archive) => cache.add(this.#content.make(key, archive)));
    return [...pulled.values()][0];
  }
}

/** Of a group of machines, unlike a real registry package: what is simulated is one journal. */
function keyOf(n: number): EntryKey {
  return { ecosystem: 'npm', name: `package-${n}`, version: '1', platform: 'simulated', origin: 'simulated' };
}

function archiveOf(n: number): Buffer {
  return Buffer.from(`n = ${n}\n`.repeat(20));
}
