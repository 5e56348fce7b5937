import { describe, expect, it } from 'vitest';
import { writeRecords } from '../../src/fleet/journal.ts';
import { attend } from '../../src/fleet/attend.ts';
import { pointerKey } from '../../src/fleet/objects.ts';
import { Known } from '../../src/fleet/known.ts';
import { listAll } from '../../src/fleet/small.ts';
import { FleetState } from '../../src/fleet/state.ts';
import { sync } from '../../src/fleet/sync.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { elect } from './elections.ts';
import { SETTINGS, fill, keyOf, worker } from './support.ts';

describe('what an interval costs a worker that is up to date', () => {
  it.each([1_000, 10_000, 100_000])('is the same with %d entries in the store', async (count) => {
    const store = new MemoryStore();
    const refs = Array.from({ length: count }, (_, n) => ({ key: keyOf(n), size: 1000 }));
    for (const { key } of refs) store.put(pointerKey(key), Buffer.from('x'));
    // What was used lately was mentioned; the rest is only there.
    await writeRecords(store, 'test-group', refs.slice(0, 1000), store.time);
    const one = worker(store, { allowed: () => false, settings: { ...SETTINGS, snapshotEvery: 0 } });
    await attend(one.fleet);
    store.account();
    store.time += 1000;
    await sync(one.fleet);
    expect(store.account()).toEqual({ list: 2 });
    const other = worker(store);
    fill(other.cache, 1, { from: count });
    await sync({ ...other.fleet, settings: { ...SETTINGS, syncWindow: 0 } });
    store.account();
    store.time += 1000;
    await sync(one.fleet);
    expect(store.account()).toEqual({ list: 2, get: 1 });
  });
});

it('what is not known to be stored is looked for in the listing, not entry by entry', async () => {
  const store = new MemoryStore();
  const one = worker(store);
  fill(one.cache, 1500, { bytes: 10 });
  await sync(one.fleet);
  // Killed before it could write anything down, and nobody else has.
  for (const { key } of await listAll(store, 'v1/journal/')) await store.remove(key);
  const killed = worker(store, { cache: one.cache, known: new Known(one.cache, 'killed'), state: new FleetState(one.cache, 'killed') });
  store.account();
  expect(await sync(killed.fleet)).toMatchObject({ up: 0 });
  const { list = 0, get = 0, create = 0 } = store.account();
  expect(list).toBe(4); // two journals, two pages of pointers
  expect(get).toBe(0); // there were two for each entry
  expect(create).toBeLessThanOrEqual(8); // the journal
});

it('of 32 candidates in each of 20 periods one makes the snapshot', () => elect(20));
