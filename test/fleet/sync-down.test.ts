import { describe, expect, it } from 'vitest';
import { entryId } from '../../src/cache/entry.ts';
import type { LocalEntry } from '../../src/cache/local.ts';
import { mention, refOf } from '../../src/fleet/journal.ts';
import { sync } from '../../src/fleet/sync.ts';
import { unpacksHere, type Unpacker } from '../../src/fleet/unpacker.ts';
import { tempCache } from '../cache/support.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { DAY, MAKERS, fill, names, roomIf, worker } from './support.ts';

describe('room on the disk', () => {
  it('is counted once for each entry that comes, and for its archive; what has no room takes none', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 1, { from: 9, bytes: 100_000 });
    await sync(one.fleet);
    const [{ entry }] = fill(one.cache, 6) as [ReturnType<typeof fill>[number]];
    store.time += 1000;
    await sync(one.fleet);
    let taken = 0;
    const room = { ...roomIf((bytes) => taken + bytes <= 4.5 * entry.size), took: (local: LocalEntry) => void (taken += local.entry.size) };
    const two = worker(store, { room });
    expect(await sync(two.fleet)).toMatchObject({ down: 4, behind: 3 });
    expect(names(two.cache)).not.toContain('package-9');
  });

  it.each([-DAY, DAY])('is made by what was used before, by the clock of this worker, though that of the store is off (%d ms)', async (off) => {
    const store = new MemoryStore(Date.now() + off);
    const one = worker(store);
    fill(one.cache, 1);
    await sync(one.fleet);
    const asked: number[] = [];
    const two = worker(store, { room: roomIf((_bytes, used) => asked.push(used) > 0) });
    await sync(two.fleet);
    expect(asked).toHaveLength(2);
    for (const used of asked) expect(Math.abs(used - Date.now())).toBeLessThan(60_000);
  });
});

it('one entry that cannot be written here keeps neither the others from coming, nor what is here from going up', async () => {
  const store = new MemoryStore();
  const one = worker(store);
  fill(one.cache, 3);
  await sync(one.fleet);
  const cache = tempCache();
  const here = unpacksHere(cache, MAKERS);
  const unpack: Unpacker['unpack'] = (unpacking) => (unpacking.kind === 'archive' && unpacking.entry.key.name === 'package-1' ? Promise.reject(Object.assign(new Error('no'), { code: 'ENAMETOOLONG' })) : here.unpack(unpacking));
  const two = worker(store, { cache, unpacker: { ...here, unpack } });
  fill(cache, 1, { from: 7 });
  expect(await sync(two.fleet)).toMatchObject({ down: 2, behind: 1, up: 1 });
  expect(two.log.join()).toContain('ENAMETOOLONG');
});

it('an entry that was mentioned twice is as used as it was the last time', async () => {
  const store = new MemoryStore();
  const one = worker(store);
  const [local] = fill(one.cache, 1) as [ReturnType<typeof fill>[number]];
  await sync(one.fleet);
  const [first, last] = [store.time - 2 * DAY, store.time];
  for (const time of [last + 1, first]) await mention(store, one.fleet, [refOf(local)], time);
  const two = worker(store);
  await sync(two.fleet);
  expect(Math.abs(two.cache.lastUsed(entryId(local.entry.key)) - last)).toBeLessThan(60_000);
});
