import { describe, expect, it } from 'vitest';
import type { FleetSettings } from '../../src/fleet/fleet.ts';
import { buildSnapshot } from '../../src/fleet/snapshot/build.ts';
import { warm } from '../../src/fleet/snapshot/warm.ts';
import { sync } from '../../src/fleet/sync.ts';
import { tend } from '../../src/fleet/tend.ts';
import type { Store } from '../../src/store/store.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { overStore } from '../support/over-store.ts';
import { DAY, SETTINGS, fill, worker, type Worker } from './support.ts';

const keys = async (store: Store, prefix: string): Promise<string[]> => (await store.list(prefix)).objects.map(({ key }) => key);

describe('a group in which nobody has written for long', () => {
  async function two(): Promise<{ store: MemoryStore; here: Worker }> {
    const store = new MemoryStore();
    const there = worker(store, { group: 'elsewhere' });
    fill(there.cache, 3);
    await sync(there.fleet);
    await buildSnapshot({ ...there.fleet, period: '20260101T000000Z', limit: 1e9, journal: undefined, ahead: 0 });
    return { store, here: worker(store) };
  }

  it('loses its snapshots, pointers first, and its journal; its entries stay', async () => {
    const { store, here } = await two();
    const entries = await keys(store, 'v1/pip/');
    store.time += 32 * DAY;
    const removed: string[] = [];
    await tend({ ...here.fleet, store: overStore(store, { remove: (key) => (removed.push(key), store.remove(key)) }) });
    expect(removed[0]).toBe('v1/snapshots/elsewhere/20260101T000000Z/pointer');
    expect(await keys(store, 'v1/snapshots/')).toEqual([]);
    expect((await keys(store, 'v1/journal/')).filter((key) => !key.startsWith('v1/journal/test-group/'))).toEqual([]);
    expect(await keys(store, 'v1/pip/')).toEqual(entries);
    expect(here.log.at(-1)).toContain(`${removed.length} old objects`);
  });

  it.each<[string, number, Partial<FleetSettings>]>([
    ['a month has not passed', 30 * DAY, {}],
    ['entries count as used for longer', 60 * DAY, { storeWindow: 90 * DAY }],
    ['so long ago may be brought down', 60 * DAY, { syncWindow: 90 * DAY }],
  ])('keeps them while %s', async (_why, passed, settings) => {
    const { store, here } = await two();
    store.time += passed;
    await tend({ ...here.fleet, settings: { ...SETTINGS, ...settings } });
    expect(await keys(store, 'v1/snapshots/elsewhere/')).toHaveLength(3);
    expect(await keys(store, 'v1/journal/elsewhere/')).not.toEqual([]);
  });

  it('keeps all of them when one object is new', async () => {
    const { store, here } = await two();
    const before = await keys(store, 'v1/snapshots/elsewhere/');
    store.time += 32 * DAY;
    store.put('v1/snapshots/elsewhere/20260201T000000Z/claim-0', Buffer.from('x'));
    await tend(here.fleet);
    expect(await keys(store, 'v1/snapshots/elsewhere/')).toEqual([...before, 'v1/snapshots/elsewhere/20260201T000000Z/claim-0']);
  });

  it('is not the one of who looks', async () => {
    const { store } = await two();
    store.time += 40 * DAY;
    const back = worker(store, { group: 'elsewhere' });
    await tend(back.fleet);
    expect((await warm(back.fleet, () => undefined)).unpacked).toMatchObject({ made: 3 });
  });
});
