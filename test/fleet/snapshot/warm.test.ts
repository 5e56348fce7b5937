import { describe, expect, it } from 'vitest';
import { attend } from '../../../src/fleet/attend.ts';
import { mention, refOf } from '../../../src/fleet/journal.ts';
import { packCache } from '../../../src/fleet/snapshot/election.ts';
import { periodName } from '../../../src/fleet/snapshot/format.ts';
import { warm } from '../../../src/fleet/snapshot/warm.ts';
import { sync } from '../../../src/fleet/sync.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { DAY, SETTINGS, fill, makeOriginal, names, originalKeyOf, worker, type Worker } from '../support.ts';

const HOUR = 3_600_000;

/** A store with a snapshot of six entries, three for every machine, which the journals have mentioned one after the other before. */
async function packed(): Promise<{ store: MemoryStore; one: Worker }> {
  const store = new MemoryStore();
  const one = worker(store);
  for (const n of [0, 1, 2]) {
    fill(one.cache, 1, { from: n });
    makeOriginal(one.cache, originalKeyOf(`from-registry-${n}`), Buffer.from(`tarball ${n}`));
    await sync(one.fleet);
    store.time += HOUR;
  }
  await sync(one.fleet); // has read what it has written itself
  expect(await packCache(one.fleet, periodName(store.time), store.time)).toMatchObject({ outcome: 'live', count: 6 });
  return { store, one };
}

describe('a worker that has warmed up', () => {
  it('with what somebody has used in the future, by a clock that was wrong, takes it for used now', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    const [local] = fill(one.cache, 1);
    await sync(one.fleet);
    one.cache.touch(local!, Date.now() + 400 * DAY);
    one.fleet.known.mention(local!.id, store.time + 400 * DAY);
    await packCache(one.fleet, periodName(store.time), store.time);
    const two = worker(store);
    await warm(two.fleet, () => undefined);
    expect(two.cache.lastUsed(local!.id)).toBeLessThan(Date.now() + 60_000);
    expect(two.fleet.known.mentionedAt(local!.id)).toBeLessThanOrEqual(store.time);
  });

  it('asks the journals for what has come since, and tells nobody what all know', async () => {
    const { store, one } = await packed();
    const late = fill(one.cache, 1, { from: 10 });
    await sync(one.fleet);
    const two = worker(store);
    await warm(two.fleet, () => undefined);
    store.account();
    expect(await sync(two.fleet)).toMatchObject({ down: 1, up: 0 });
    // The last of each journal that the builder had read, one that is new, and what that names.
    expect(store.account()).toEqual({ list: 2, get: 3 + 2 });
    expect(names(two.cache)).toEqual(names(one.cache));
    expect(two.cache.byId(late[0]!.id)).toBeDefined();
  });

  it('and had read farther than the builder does not go back', async () => {
    const { store, one } = await packed();
    await mention(store, one.fleet, [...one.cache.ids()].map((id) => refOf(one.cache.byId(id)!)), store.time);
    const two = worker(store);
    await sync(two.fleet);
    const before = ['test-group', 'any'].map((group) => two.fleet.state.position(group));
    await warm(two.fleet, () => undefined);
    expect(['test-group', 'any'].map((group) => two.fleet.state.position(group))).toEqual(before);
  });

  it('does not do it again when it begins to sync', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 2);
    await packCache(one.fleet, periodName(store.time), store.time);
    const two = worker(store, { settings: { ...SETTINGS, snapshotEvery: 0 } });
    await warm(two.fleet, () => undefined);
    await attend(two.fleet);
    expect(two.log.join()).not.toContain('warm');
  });
});
