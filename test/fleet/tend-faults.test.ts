import { describe, expect, it } from 'vitest';
import { PkgCacheError } from '../../src/errors.ts';
import { attend } from '../../src/fleet/attend.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { writeRecords } from '../../src/fleet/journal.ts';
import { archiveKey, decodePointer, pointerKey } from '../../src/fleet/objects.ts';
import { push } from '../../src/fleet/push.ts';
import { buildSnapshot } from '../../src/fleet/snapshot/build.ts';
import { periodName } from '../../src/fleet/snapshot/format.ts';
import { warm } from '../../src/fleet/snapshot/warm.ts';
import { sync } from '../../src/fleet/sync.ts';
import { tend } from '../../src/fleet/tend.ts';
import type { Store } from '../../src/store/store.ts';
import { read } from '../store/helpers.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { overStore } from '../support/over-store.ts';
import { DAY, SETTINGS, fill, keyOf, names, worker, type Worker } from './support.ts';

const settings = { ...SETTINGS, storeWindow: 10 * DAY };

/** A store with all that there may be to look after: snapshots, records of several days, one that was lost, and what nobody uses any more. */
async function neglected(): Promise<{ store: MemoryStore; one: Worker }> {
  const store = new MemoryStore(Math.floor(Date.now() / DAY) * DAY);
  const one = worker(store, { settings });
  fill(one.cache, 5);
  await sync(one.fleet);
  for (let day = 0; day < 4; day++) {
    await buildSnapshot({ ...one.fleet, period: periodName(store.time), limit: 1e9, journal: undefined, ahead: 0 });
    await store.create(`v1/snapshots/test-group/${periodName(store.time)}/orphan.pack`, Buffer.from('x'));
    store.time += DAY / 2;
    for (const n of [0, 1]) await writeRecords(store, 'test-group', [{ key: keyOf(n), size: 1 }], store.time);
    store.time += DAY / 2;
  }
  store.time += 9 * DAY;
  await writeRecords(store, 'test-group', [{ key: keyOf(2), size: 1 }], store.time);
  store.time += DAY;
  for (const local of fill(one.cache, 2, { from: 10 })) await push(one.cache, store, local); // and died before it could say so
  return { store, one };
}

/** The same store, for somebody who is killed when he asks it for the n-th time. */
function killedAt(store: Store, n: number): { store: Store; alive: () => boolean } {
  let left = n;
  const count = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => async (...args: A): Promise<R> => {
    if (left-- <= 0) throw new Error('killed');
    return await call(...args);
  };
  const { get, create, list, remove, tidy } = overStore(store, {});
  return { store: overStore(store, { get: count(get), create: count(create), list: count(list), remove: count(remove), tidy: count(tidy) }), alive: () => left >= 0 };
}

/** How many objects of each kind there are. */
async function census(store: Store): Promise<Record<string, number>> {
  const kinds: Record<string, number> = {};
  for (const { key } of (await store.list('v1/', { limit: 1e6 })).objects) {
    const kind = /^v1\/(tending|[^/]+)/.exec(key)![1]!;
    if (kind !== 'tending') kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

/** What is in use is there, and what is there leads to something. */
async function assertWhole(store: Store, at: string): Promise<void> {
  const warmed = worker(store);
  expect((await warm(warmed.fleet, () => undefined)).problems, at).toEqual([]);
  const synced = worker(store);
  await sync(synced.fleet);
  expect(names(synced.cache), at).toEqual(expect.arrayContaining(['package-2']));
  for (const n of [2, 10, 11]) {
    const pointer = decodePointer((await read(store, pointerKey(keyOf(n))))!, keyOf(n));
    expect(await read(store, archiveKey(pointer.archive.sha256)), at).toBeDefined();
  }
}

it('looking after the store, killed at any step, costs nobody anything, and the next day does the rest', async () => {
  const tidied = await neglected();
  expect(await tend(tidied.one.fleet)).toBe(true);
  tidied.store.time += DAY;
  expect(await tend(worker(tidied.store, { settings, cache: tidied.one.cache }).fleet)).toBe(true);
  const whole = await census(tidied.store);
  expect(whole).toEqual({ archives: 3, journal: 2, pip: 3, snapshots: 6 });

  for (let step = 0, alive = false; !alive; step++) {
    const { store, one } = await neglected();
    const killed = killedAt(store, step);
    await tend({ ...one.fleet, store: killed.store }).catch((error: unknown) => expect((error as Error).message).toBe('killed'));
    alive = killed.alive();
    await assertWhole(store, `killed at step ${step}`);
    store.time += DAY;
    const next = worker(store, { settings, cache: one.cache });
    await tend(next.fleet);
    await assertWhole(store, `the day after step ${step}`);
    // An archive whose pointer had just been removed stays (`store gc`).
    const { archives, ...left } = await census(store);
    expect({ step, ...left, archives: archives! - whole['archives']! }).toEqual({ step, ...whole, archives: expect.toSatisfy((more: number) => more === 0 || more === 1) as number });
  }
});

describe('a store that is full', () => {
  const full = (): Promise<never> => Promise.reject(new PkgCacheError('STORE_UNAVAILABLE', 'store: no usable answer (507)', { cause: Object.assign(new Error('507'), { status: 507 }) }));
  const withoutRoom = (fleet: Fleet): Fleet => ({ ...fleet, store: overStore(fleet.store, { create: full }) });

  it('is read from as ever, and gets what is missing when there is room again', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 3);
    await sync(one.fleet);
    const two = worker(store);
    fill(two.cache, 4, { from: 10 });
    await attend(withoutRoom(two.fleet));
    expect(names(two.cache)).toHaveLength(7);
    expect(two.log).toEqual(['sync: store: no usable answer (507)', expect.stringContaining('looked after the store')]);
    expect(two.fleet.state.read()).toMatchObject({ problem: 'store: no usable answer (507)' });
    store.time += 1000;
    expect(await sync(two.fleet)).toMatchObject({ down: 0, up: 4 });
    expect(two.fleet.state.read().problem).toBeUndefined();
  });

  it('is cleared all the same', async () => {
    const { store, one } = await neglected();
    expect(await census(store)).toEqual({ archives: 7, journal: 10, pip: 7, snapshots: 16 });
    await attend(withoutRoom(one.fleet));
    expect(await census(store)).toMatchObject({ archives: 5, journal: 3, pip: 5, snapshots: 6 });
  });
});
