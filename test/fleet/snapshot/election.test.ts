import { describe, expect, it } from 'vitest';
import { PkgCacheError } from '../../../src/errors.ts';
import type { Fleet } from '../../../src/fleet/fleet.ts';
import { takePart } from '../../../src/fleet/snapshot/election.ts';
import { periodName } from '../../../src/fleet/snapshot/format.ts';
import { warm } from '../../../src/fleet/snapshot/warm.ts';
import { sync } from '../../../src/fleet/sync.ts';
import type { Store } from '../../../src/store/store.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { overStore } from '../../support/over-store.ts';
import { DAY, SETTINGS, directoryStore, fill, worker, type Worker } from '../support.ts';

const HOUR = 3_600_000;
/** A moment at which everybody's turn has come. */
const NOON = Math.floor(Date.now() / DAY) * DAY + 11 * HOUR;

const at = (store: Store, time: number, over: Partial<Store> = {}): Store => overStore(store, { now: async () => time, ...over });

/** A worker with something in its cache, at a time of the store's. */
function candidate(store: Store, { from = 0, count = 1, over = {} }: { from?: number; count?: number; over?: Partial<Fleet> } = {}): Worker {
  const made = worker(store, over);
  fill(made.cache, count, { from });
  return made;
}

async function pointers(store: Store): Promise<string[]> {
  return (await store.list('v1/snapshots/')).objects.map(({ key }) => key).filter((key) => key.endsWith('/pointer'));
}

describe('of many workers', () => {
  it('one makes the snapshot of a period, and one that of the next', async () => {
    const { store } = await directoryStore();
    const today = Array.from({ length: 8 }, (_, n) => candidate(at(store, NOON), { from: n }));
    expect((await Promise.all(today.map(({ fleet }) => takePart(fleet)))).filter(Boolean)).toHaveLength(1);
    expect((await Promise.all(today.map(({ fleet }) => takePart(fleet)))).filter(Boolean)).toEqual([]);
    const tomorrow = today.map((each) => ({ ...each, fleet: { ...each.fleet, store: at(store, NOON + DAY) } }));
    expect((await Promise.all(tomorrow.map(({ fleet }) => takePart(fleet)))).filter(Boolean)).toHaveLength(1);
    expect(await pointers(store)).toHaveLength(2);
  });

  it('one packs, and the others ask once; who starts later asks once, too', async () => {
    const store = new MemoryStore(NOON);
    const packs: string[] = [];
    const counting = overStore(store, { create: (key, payload) => (packs.push(...(key.endsWith('.pack') ? [key] : [])), store.create(key, payload)) });
    const fleets = Array.from({ length: 8 }, (_, n) => candidate(counting, { from: n }).fleet);
    await Promise.all(fleets.map(takePart));
    expect(packs).toHaveLength(1);
    await Promise.all(fleets.map(takePart)); // now all know
    store.account();
    for (const fleet of fleets) expect(await takePart(fleet)).toBe(false);
    expect(store.account()).toEqual({});
    store.time += 2 * HOUR; // the claim would be taken over
    expect(await takePart(candidate(counting, { from: 9 }).fleet)).toBe(false);
    expect(store.account()).toEqual({ list: 1 });
  });

  it('each has a moment of its own, and keeps to it', async () => {
    const { fleet } = candidate(new MemoryStore());
    const moments = new Set<number>();
    for (let time = 0; time < 3; time++) {
      const store = new MemoryStore(NOON - 11 * HOUR);
      fleet.state.update({ live: '' });
      while (!(await takePart({ ...fleet, store }))) store.time += 10_000;
      moments.add(store.time);
    }
    expect(moments.size).toBe(1);
  });

  it('it is not always the same one whose turn comes first', async () => {
    const firsts = new Set<number>();
    const { store } = await directoryStore();
    const fleets = Array.from({ length: 5 }, (_, n) => candidate(store, { from: n }));
    for (let day = 0; day < 12; day++) {
      for (let minute = 0; minute <= 60 && (await pointers(store)).length <= day; minute++) {
        const time = NOON - 11 * HOUR + day * DAY + minute * 60_000;
        for (const [n, { fleet }] of fleets.entries()) if (await takePart({ ...fleet, store: at(store, time) })) firsts.add(n);
      }
    }
    expect(await pointers(store)).toHaveLength(12);
    expect(firsts.size).toBeGreaterThan(1);
  });

  it('in a store that ignores conditions two may go to work, and one snapshot comes of it', async () => {
    const { store } = await directoryStore();
    const objects = new Map<string, Buffer>();
    const naive = at(store, NOON, {
      create: async (key, payload) => {
        const parts: Uint8Array[] = [];
        if (payload instanceof Uint8Array) parts.push(payload);
        else if ('pieces' in payload) for await (const piece of payload.pieces) parts.push(piece);
        objects.set(key, Buffer.concat(parts));
        await store.remove(key);
        await store.create(key, Buffer.concat(parts));
        return 'created';
      },
    });
    const made = await Promise.all([candidate(naive), candidate(naive, { from: 1 })].map(({ fleet }) => takePart(fleet)));
    expect(made.filter(Boolean).length).toBeGreaterThan(0);
    expect(await pointers(store)).toHaveLength(1);
    const reader = worker(store);
    expect((await warm(reader.fleet, () => undefined)).unpacked).toMatchObject({ made: 1, failed: 0 });
  });
});

describe('a leader', () => {
  const stuck = (store: Store): Store => at(store, NOON, { create: (key, payload) => (key.endsWith('.pack') ? Promise.reject(new Error('killed')) : store.create(key, payload)) });

  it('that dies is replaced after a while, not at once', async () => {
    const { store } = await directoryStore();
    await expect(takePart(candidate(stuck(store)).fleet)).rejects.toThrow('killed');
    const other = candidate(store, { from: 1 });
    const claimed = (await store.list('v1/snapshots/')).objects[0]!.modified;
    // The claim has the time of the store that it lies in; the test's period need not.
    const soon = { ...other.fleet, store: overStore(store, { now: async () => NOON, list: async (prefix, options) => shifted(await store.list(prefix, options), NOON - 60_000 - claimed) }) };
    expect(await takePart(soon)).toBe(false);
    const later = { ...other.fleet, store: overStore(store, { now: async () => NOON, list: async (prefix, options) => shifted(await store.list(prefix, options), NOON - 2 * HOUR - claimed) }) };
    expect(await takePart(later)).toBe(true);
    expect(await pointers(store)).toHaveLength(1);
  });

  it('that dies is replaced also where the first claim of a long period has been cleared away', async () => {
    const store = new MemoryStore(NOON);
    const { fleet } = candidate(store, { over: { settings: { ...SETTINGS, snapshotEvery: 7 * DAY } } });
    const period = periodName(Math.floor(NOON / (7 * DAY)) * 7 * DAY);
    store.put(`v1/snapshots/test-group/${period}/claim-1`, Buffer.from('of one that died'));
    store.time = Date.parse(`${period.slice(0, 4)}-${period.slice(4, 6)}-${period.slice(6, 8)}T00:00:00Z`) + 6 * DAY;
    expect(await takePart(fleet)).toBe(true);
  });

  it('that wakes up after an hour finds itself replaced, and harms nobody', async () => {
    const { store } = await directoryStore();
    let wake = (): void => undefined;
    const paused = new Promise<void>((resolve) => (wake = resolve));
    const sleeper = candidate(
      at(store, NOON, {
        create: async (key, payload) => {
          if (key.endsWith('.index')) await paused;
          return await store.create(key, payload);
        },
      }),
    );
    const sleeping = takePart(sleeper.fleet);
    const other = candidate(store, { from: 5, count: 3 });
    const shift = { now: async () => NOON + HOUR + 1, list: store.list.bind(store) };
    while ((await store.list('v1/snapshots/')).objects.filter(({ key }) => key.endsWith('.pack')).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const aged: Partial<Store> = { ...shift, list: async (prefix, options) => shifted(await store.list(prefix, options), -2 * DAY) };
    expect(await takePart({ ...other.fleet, store: overStore(store, aged) })).toBe(true);
    wake();
    expect(await sleeping).toBe(false);
    const reader = worker(store);
    expect((await warm(reader.fleet, () => undefined)).unpacked).toMatchObject({ made: 3 });
    expect((await store.list('v1/snapshots/')).objects.filter(({ key }) => /\.(pack|index)$/.test(key))).toHaveLength(2);
  });
});

function shifted(page: Awaited<ReturnType<Store['list']>>, ms: number): Awaited<ReturnType<Store['list']>> {
  return { ...page, objects: page.objects.map((object) => ({ ...object, modified: object.modified + ms })) };
}

describe('no part is taken by a worker', () => {
  it.each<[string, Partial<Fleet>, number]>([
    ['that is told not to', { settings: { ...SETTINGS, snapshotEvery: 0 } }, 1],
    ['that has nothing', {}, 0],
  ])('%s', async (_what, over, count) => {
    const { store } = await directoryStore();
    const { fleet } = candidate(at(store, NOON), { count, over });
    expect(await takePart(fleet)).toBe(false);
    expect((await store.list('v1/')).objects).toEqual([]);
  });

  it('that may not write', async () => {
    const { store } = await directoryStore();
    const { fleet } = candidate(at(store, NOON));
    fleet.state.update({ deniedAt: Date.now() });
    expect(await takePart(fleet)).toBe(false);
    expect((await store.list('v1/')).objects).toEqual([]);
  });

  it('that is not allowed to: it asks once in a period, and again when something could be written', async () => {
    const { store } = await directoryStore();
    let asked = 0;
    const denied = overStore(at(store, NOON), { create: async () => Promise.reject((asked++, new PkgCacheError('STORE_DENIED', 'may not write'))) });
    const told: string[] = [];
    const { fleet } = candidate(denied, { over: { log: (message) => void told.push(message) } });
    for (let n = 0; n < 3; n++) expect(await takePart(fleet)).toBe(false);
    expect(asked).toBe(1);
    expect(told).toEqual([`snapshot ${periodName(NOON - (NOON % DAY))}: left to others: may not write`]);
    expect(await sync({ ...fleet, store })).toMatchObject({ up: 1 });
    expect(await takePart({ ...fleet, store: at(store, NOON) })).toBe(true);
  });

  it('that has far less than the last snapshot, as long as there may be others', async () => {
    const { store } = await directoryStore();
    expect(await takePart(candidate(at(store, NOON), { count: 10 }).fleet)).toBe(true);
    const poor = candidate(store, { count: 2 });
    expect(await takePart({ ...poor.fleet, store: at(store, NOON + DAY) })).toBe(false);
    expect(await takePart({ ...poor.fleet, store: at(store, NOON + DAY + 2 * HOUR) })).toBe(true);
  });
});
