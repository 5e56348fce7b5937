import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EntryKey } from '../../src/cache/entry.ts';
import { LocalCache, type LocalEntry } from '../../src/cache/local.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { Known } from '../../src/fleet/known.ts';
import { AT_ONCE } from '../../src/fleet/pace.ts';
import { Puller } from '../../src/fleet/pull.ts';
import { push } from '../../src/fleet/push.ts';
import { takePart } from '../../src/fleet/snapshot/election.ts';
import { warm } from '../../src/fleet/snapshot/warm.ts';
import { FleetState } from '../../src/fleet/state.ts';
import { sync } from '../../src/fleet/sync.ts';
import { sha256 } from '../../src/hash.ts';
import { MemoryStore } from '../../test/support/memory-store.ts';

export const HOUR = 3_600_000;
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
  bytesOut: number;
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
  readonly fleet: Fleet;
  readonly dies: number;
}

/**
 * A fleet for some hours: real caches in a directory, the real code for lookups, sync, elections and warming up, and a store in memory. Time
 * is made up, in steps of ten minutes; `Date.now` is set to it.
 */
export class Simulation {
  readonly store = new MemoryStore(Math.floor(Date.now() / DAY) * DAY);
  readonly #scale: Scale;
  readonly #mechanisms: Mechanisms;
  readonly #directory: string;
  readonly #random = chance(1);
  readonly #lockfiles: number[][];
  readonly #pick: () => number;
  readonly #workers: Worker[] = [];

  constructor(scale: Scale, mechanisms: Mechanisms, directory: string) {
    this.#scale = scale;
    this.#mechanisms = mechanisms;
    this.#directory = directory;
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
      for (const { directory } of this.#workers) remove(directory);
    }
    return hours;
  }

  async #hour(): Promise<Hour> {
    const hour: Hour = { local: 0, store: 0, miss: 0, gets: 0, puts: 0, lists: 0, bytesOut: 0 };
    const before = this.store.bytesOut;
    for (let step = 0; step < 6; step++) {
      await this.#replace();
      for (const { fleet } of this.#workers) {
        if (this.#random() < this.#scale.jobsPerHour / 6) await this.#job(fleet, hour);
        if (this.#mechanisms.sync) await sync(fleet);
        if (this.#mechanisms.snapshot) await takePart(fleet);
      }
      this.store.time += HOUR / 6;
    }
    const { get = 0, create = 0, list = 0 } = this.store.account();
    return { ...hour, gets: get, puts: create, lists: list, bytesOut: this.store.bytesOut - before };
  }

  /** Workers that have lived long enough go, and others come, with nothing. */
  async #replace(): Promise<void> {
    for (const [at, worker] of [...this.#workers.entries()].reverse()) {
      if (worker.dies > this.store.time) continue;
      remove(worker.directory);
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
    const cache = new LocalCache(directory);
    mkdirSync(cache.path('state'), { recursive: true });
    const settings = { syncEvery: HOUR / 6, syncWindow: 7 * DAY, snapshotEvery: DAY, snapshotLimit: 5e9, storeWindow: 0 };
    const fleet = { cache, store: this.store, group: 'simulated', everywhere: 'any', settings, state: new FleetState(cache, 'x'), known: new Known(cache, 'x'), makers: {}, allowed: () => true, hasRoom: () => true, pace: AT_ONCE, log: () => undefined };
    return { directory, fleet, dies: this.store.time - Math.log(1 - this.#random()) * this.#scale.lifeHours * HOUR };
  }

  /** A job installs a lockfile: from the cache, from the store, or from the index. */
  async #job({ cache, store }: Fleet, hour: Hour): Promise<void> {
    for (const n of this.#lockfiles[this.#pick()] ?? []) {
      const key = keyOf(n);
      const local = cache.lookup(key);
      const pulled = local ? undefined : await pull(cache, store, key);
      hour[local ? 'local' : pulled ? 'store' : 'miss']++;
      const entry = local ?? pulled ?? made(cache, key, n);
      if (!local && !pulled) await push(cache, store, entry);
      cache.touch(entry);
    }
  }
}

/** Many small files: beside the simulation, and many times as fast as from here. */
function remove(directory: string): void {
  spawn('rm', ['-rf', directory], { stdio: 'ignore' });
}

async function pull(cache: LocalCache, store: Fleet['store'], key: EntryKey): Promise<LocalEntry | undefined> {
  const puller = new Puller(cache, store, () => undefined);
  const found = await puller.manifests([key]);
  return [...(await puller.pull([...found.keys()])).values()][0];
}

function keyOf(n: number): EntryKey {
  return { ecosystem: 'pip', name: `package-${n}`, version: '1', platform: 'simulated', origin: 'simulated' };
}

/** What a real install would have left: small, since what counts here is how many. */
function made(cache: LocalCache, key: EntryKey, n: number): LocalEntry {
  const staging = cache.stage(key);
  const text = `n = ${n}\n`.repeat(20);
  mkdirSync(staging.tree, { recursive: true });
  writeFileSync(join(staging.tree, 'module.py'), text);
  const file = { path: 'module.py', size: text.length, sha256: sha256(text), executable: false };
  return staging.publish(key, { version: '1', archive: { filename: 'x.whl', sha256: 'f'.repeat(64) }, meta: {} }, [file]);
}
