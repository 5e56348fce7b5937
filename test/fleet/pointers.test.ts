import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findGarbage } from '../../src/cli/store/garbage.ts';
import { inventory, type Item } from '../../src/cli/store/inventory.ts';
import { planRemoval } from '../../src/cli/store/remove.ts';
import { usage } from '../../src/cli/store/usage.ts';
import { verifyItems } from '../../src/cli/store/verify.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { encodePointer, decodePointer, pointerKey } from '../../src/fleet/objects.ts';
import { KnownPointers } from '../../src/fleet/pointers.ts';
import { listAll } from '../../src/fleet/small.ts';
import { sync } from '../../src/fleet/sync.ts';
import { removeUnused } from '../../src/fleet/tend/unused.ts';
import { sha256 } from '../../src/hash.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { DAY, SETTINGS, directoryStore, fill, keyOf, worker } from './support.ts';

const COUNT = 150;
const ALL = { names: [], ecosystem: undefined, platform: undefined };

/** A store with entries in it, a day and a bit old, and a worker that has none of them. */
async function filled(count = COUNT): Promise<{ store: MemoryStore; fleet: Fleet; again: () => Fleet; file: string }> {
  const store = new MemoryStore();
  const one = worker(store);
  fill(one.cache, count, { bytes: 10 });
  await sync(one.fleet);
  store.time += 2 * DAY;
  const { fleet } = worker(store);
  const pointers = new KnownPointers(fleet.cache, 'test');
  const again = (): Fleet => ({ ...fleet, pointers: new KnownPointers(fleet.cache, 'test') });
  store.account();
  return { store, fleet: { ...fleet, pointers }, again, file: fleet.cache.path('state', `pointers-${sha256('test').slice(0, 16)}`) };
}

async function itemsOf({ store, cache }: Fleet): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of inventory(store, cache, ALL)) items.push(item);
  return items;
}

const nothing = (): void => undefined;

describe('what looks after a store reads each pointer once in the life of a cache', () => {
  it('du, then du, gc and rm', async () => {
    const { store, fleet, again } = await filled();
    const rows = await usage(fleet, ALL, nothing);
    expect(store.account()).toMatchObject({ get: COUNT });
    fleet.pointers?.save();

    expect(await usage(again(), ALL, nothing)).toEqual(rows);
    const { get = 0, list = 0 } = store.account();
    expect(get).toBe(0); // there was one for each entry
    expect(list).toBeLessThanOrEqual(9); // one of each kind of object

    expect(await findGarbage(again(), nothing)).toEqual([]);
    const items = await itemsOf(fleet);
    expect(await planRemoval(again(), items.slice(0, 1), items)).toMatchObject({ archives: [expect.stringMatching(/archives/)] });
    expect(store.account()['get'] ?? 0).toBe(0);
  });

  it('the daily removal of what is unused, too', async () => {
    const { store, fleet, again } = await filled(20);
    await usage(fleet, ALL, nothing);
    fleet.pointers?.save();
    for (const { key } of await listAll(store, 'v1/journal/')) await store.remove(key);
    store.time += 100 * DAY;
    store.account();
    expect(await removeUnused({ ...again(), settings: { ...SETTINGS, storeWindow: 30 * DAY } }, store.time, async (key) => (await store.remove(key), true))).toBe(20);
    expect(store.account()).toEqual({ list: 4, remove: 40 });
  });

  it('verify reads all the same: a pointer and an archive for each entry, and nothing else', async () => {
    const { store, fleet } = await filled();
    const items = await itemsOf(fleet);
    await usage(fleet, ALL, nothing);
    store.account();
    expect(await verifyItems(fleet, items, nothing)).toEqual([]);
    expect(store.account()).toEqual({ get: 2 * COUNT });
  });
});

describe('a pointer counts as known', () => {
  it('only as long as it is the same: one that was removed and made anew is read', async () => {
    const { store, fleet, again } = await filled(3);
    expect(await findGarbage(fleet, nothing)).toEqual([]);
    fleet.pointers?.save();
    // As long as before, and at the same time; it leads to another archive.
    const key = pointerKey(keyOf(0));
    const pointer = decodePointer(store.bytes(key), keyOf(0));
    const bytes = encodePointer({ ...pointer, archive: { ...pointer.archive, sha256: 'e'.repeat(64) } });
    store.time -= 2 * DAY;
    store.put(key, bytes);
    store.time += 2 * DAY;
    store.account();
    const garbage = await findGarbage(again(), nothing);
    expect(garbage.map(({ why }) => why).sort()).toEqual(['its archive is gone', 'no pointer leads to it']);
    expect(store.account()).toMatchObject({ get: 1 });
  });

  it('never, where the store has no ETags', async () => {
    const { store, fleet } = await filled(3);
    const list: MemoryStore['list'] = async (...args) => {
      const page = await MemoryStore.prototype.list.apply(store, args);
      return { ...page, objects: page.objects.map((object) => ({ ...object, tag: undefined })) as unknown as typeof page.objects };
    };
    const without = { ...fleet, store: Object.assign(Object.create(store) as MemoryStore, { list, get: store.get.bind(store) }) };
    await usage(without, ALL, nothing);
    await usage(without, ALL, nothing);
    expect(store.account()).toMatchObject({ get: 6 });
  });

  it('not, when the file that says so was changed', async () => {
    const { store, fleet, again, file } = await filled(3);
    await usage(fleet, ALL, nothing);
    fleet.pointers?.save();
    const text = readFileSync(file, 'utf8');
    expect(text.split('\n')).toHaveLength(5);
    for (const damaged of [text.replace(/ [0-9a-f]{64} /, ` ${'0'.repeat(64)} `), text.slice(0, -40), '', 'x\n']) {
      writeFileSync(file, damaged);
      store.account();
      await usage(again(), ALL, nothing);
      expect(store.account()).toMatchObject({ get: 3 });
    }
  });

  it('in a directory, too', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    fill(one.cache, 3);
    await sync(one.fleet);
    const pointers = new KnownPointers(one.cache, 'test');
    const [first, second] = [await listAll(store, 'v1/pip/'), await listAll(store, 'v1/pip/')];
    for (const object of first) pointers.note(object, { archive: { sha256: 'a'.repeat(64), size: 2 }, size: 1 });
    expect(second.map((object) => pointers.get(object)?.size)).toEqual([1, 1, 1]);
  });
});
