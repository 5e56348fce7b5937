import { describe, expect, it } from 'vitest';
import { writeRecords } from '../../src/fleet/journal.ts';
import { attend } from '../../src/fleet/attend.ts';
import { pointerKey } from '../../src/fleet/objects.ts';
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

it('of 32 candidates in each of 20 periods one makes the snapshot', () => elect(20));
