import { expect, it } from 'vitest';
import { PkgCacheError } from '../../src/errors.ts';
import { Known } from '../../src/fleet/known.ts';
import { sync, type Synced } from '../../src/fleet/sync.ts';
import { tend } from '../../src/fleet/tend.ts';
import { listAll } from '../../src/fleet/small.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { overStore } from '../support/over-store.ts';
import { DAY, SETTINGS, fill, keyOf, worker, type Worker } from './support.ts';

function run({ cache, fleet }: Worker): Promise<Synced> {
  return sync({ ...fleet, known: new Known(cache, 'test') });
}

/** A store in which one worker has put three entries; what a worker with `over` uses of them for 20 days, of which it has also one of its own. */
async function usedFor20Days(over: Parameters<typeof worker>[1]): Promise<{ store: MemoryStore; reader: Worker }> {
  const store = new MemoryStore();
  const one = worker(store);
  fill(one.cache, 3);
  await run(one);
  const reader = worker(store, over);
  await run(reader);
  fill(reader.cache, 1, { from: 9 });
  for (let day = 0; day < 20; day++) {
    store.time += DAY;
    // Clocks of files stand still here: what counts is how long ago it was.
    for (const n of [0, 1, 2]) reader.cache.touch(reader.cache.lookup(keyOf(n))!, Date.now() - (n === 1 ? 0 : 60 * DAY));
    reader.fleet.state.update({ recordedAt: 0 });
    await run(reader);
  }
  return { store, reader };
}

const left = async (store: MemoryStore): Promise<string[]> => (await listAll(store, 'v1/pip/')).map(({ key }) => key.split('/').at(-2)!);

it('what a read-only worker uses stays, where it writes that down', async () => {
  const { store } = await usedFor20Days({ readOnly: true, recordsUse: true });
  expect(await tend(worker(store, { settings: { ...SETTINGS, storeWindow: 10 * DAY } }).fleet)).toBe(true);
  expect(await left(store)).toEqual(['package-1']);
});

it('where that is not sure of all workers nothing counts as unused, and that is told', async () => {
  const { store } = await usedFor20Days({ readOnly: true });
  const one = worker(store, { settings: { ...SETTINGS, storeWindow: 10 * DAY, useIsUnknown: true } });
  expect(await tend(one.fleet)).toBe(true);
  expect(await left(store)).toHaveLength(3);
  expect(one.log.join()).toContain('store_days removes nothing');
});

it('nothing but records of the journal is written for that, once a day', async () => {
  const { store, reader } = await usedFor20Days({ readOnly: true, recordsUse: true });
  const written: string[] = [];
  const narrow = overStore(store, { create: (key, payload) => (written.push(key), key.includes('/journal/') ? store.create(key, payload) : Promise.reject(new PkgCacheError('STORE_DENIED', 'no'))) });
  store.time += 2 * DAY;
  reader.cache.touch(reader.cache.lookup(keyOf(1))!);
  reader.fleet.state.update({ recordedAt: 0 });
  const again: Worker = { ...reader, fleet: { ...reader.fleet, store: narrow } };
  await run(again);
  await run(again);
  expect(written).toHaveLength(1);
  expect(written[0]).toContain('/journal/');
});
