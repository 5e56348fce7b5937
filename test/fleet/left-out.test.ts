import { readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { NoRoom, Room } from '../../src/cache/evict.ts';
import { pointerKey } from '../../src/fleet/objects.ts';
import { mention, refOf } from '../../src/fleet/journal.ts';
import { LeftOut } from '../../src/fleet/left-out.ts';
import { buildSnapshot } from '../../src/fleet/snapshot/build.ts';
import { warm } from '../../src/fleet/snapshot/warm.ts';
import { catchUp, sync } from '../../src/fleet/sync.ts';
import { tempCache } from '../cache/support.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { DAY, fill, keyOf, makeOriginal, names, originalKeyOf, worker } from './support.ts';

/** Room for so many entries more, for a reason there is no more. */
function roomFor(count: number, why: NoRoom): Room {
  let left = count;
  return { whyNot: () => (left-- > 0 ? undefined : why), whyNever: () => (left > 0 ? undefined : why), took: () => undefined };
}

/** A store with three wheels, and a package of npm, that a worker has put there. */
async function filled() {
  const store = new MemoryStore();
  const one = worker(store);
  const locals = [...fill(one.cache, 3), makeOriginal(one.cache, originalKeyOf('from-registry'), Buffer.from('archive'))];
  await sync(one.fleet);
  return { store, one, locals };
}

describe('what the disk had no room for', () => {
  it('comes when it has, to whoever works on the cache then', async () => {
    const { store } = await filled();
    const cache = tempCache();
    expect(await sync(worker(store, { cache, room: roomFor(1, 'disk') }).fleet)).toMatchObject({ down: 1, behind: 3 });
    const full = worker(store, { cache, room: roomFor(0, 'disk') });
    store.account();
    expect(await sync(full.fleet)).toMatchObject({ down: 0, behind: 3 });
    expect(store.account()).toEqual({ list: 2 });
    expect(full.fleet.state.read()).toMatchObject({ behind: 3 });
    const roomy = worker(store, { cache });
    expect(await sync(roomy.fleet)).toMatchObject({ down: 3, behind: 0 });
    expect(names(cache)).toHaveLength(4);
    expect(roomy.fleet.state.read()).toMatchObject({ behind: 0 });
    store.account();
    expect(await sync(worker(store, { cache }).fleet)).toMatchObject({ down: 0, behind: 0 });
    expect(store.account()).toEqual({ list: 2 });
  });

  it('is not waited for when nobody has used it for long, or it came otherwise, or must not be shared any more', async () => {
    const { store } = await filled();
    const two = worker(store, { room: roomFor(0, 'disk') });
    expect(await sync(two.fleet)).toMatchObject({ behind: 4 });
    fill(two.cache, 1);
    const cautious = worker(store, { cache: two.cache, room: roomFor(0, 'disk'), allowed: ({ name }) => name !== keyOf(1).name });
    expect(await sync(cautious.fleet)).toMatchObject({ down: 0, behind: 2 });
    store.time += 8 * DAY;
    expect(await sync(cautious.fleet)).toMatchObject({ down: 0, behind: 0 });
  });

  it('of a snapshot comes later, too', async () => {
    const { store, one } = await filled();
    await buildSnapshot({ ...one.fleet, period: '20260101T000000Z', limit: 1e9, journal: undefined, ahead: store.time - Date.now() });
    const two = worker(store, { room: roomFor(1, 'disk') });
    expect((await warm(two.fleet, () => undefined)).unpacked).toMatchObject({ made: 1, full: 'disk' });
    expect(await catchUp(worker(store, { cache: two.cache }).fleet)).toMatchObject({ down: 3, behind: 0 });
  });
});

it('what is more than max_size is not waited for', async () => {
  const { store, one } = await filled();
  await buildSnapshot({ ...one.fleet, period: '20260101T000000Z', limit: 1e9, journal: undefined, ahead: store.time - Date.now() });
  const two = worker(store, { room: roomFor(1, 'max_size') });
  expect((await warm(two.fleet, () => undefined)).unpacked).toMatchObject({ made: 1, full: 'max_size' });
  expect(two.fleet.leftOut.size).toBe(0);
  expect(await sync(worker(store, { room: roomFor(1, 'max_size') }).fleet)).toMatchObject({ down: 1, behind: 0, over: 3 });
});

it('what the disk had no room for is not waited for either once it is more than max_size', async () => {
  const { store } = await filled();
  const two = worker(store, { room: roomFor(1, 'disk') });
  expect(await sync(two.fleet)).toMatchObject({ down: 1, behind: 3 });
  expect(await sync({ ...two.fleet, room: roomFor(0, 'max_size') })).toMatchObject({ down: 0, behind: 0, over: 3 });
});

describe('what could not be had', () => {
  it('is tried twice more, and again when somebody mentions it', async () => {
    const { store, one, locals } = await filled();
    const pointer = pointerKey(keyOf(1));
    const bytes = store.bytes(pointer);
    await store.remove(pointer);
    const two = worker(store);
    expect(await sync(two.fleet)).toMatchObject({ down: 3, behind: 1 });
    expect(await sync(two.fleet)).toMatchObject({ down: 0, behind: 1 });
    expect(await sync(two.fleet)).toMatchObject({ down: 0, behind: 0 });
    store.account();
    expect(await sync(two.fleet)).toMatchObject({ down: 0, behind: 0 });
    expect(store.account()).toEqual({ list: 2, get: 1 }); // what this worker has written about it
    expect(await sync(two.fleet)).toMatchObject({ down: 0, behind: 0 });
    expect(store.account()).toEqual({ list: 2 });
    store.put(pointer, bytes);
    await mention(store, one.fleet, locals.map(refOf), store.time + 1);
    expect(await sync(two.fleet)).toMatchObject({ down: 1, behind: 0 });
  });

  it('of a snapshot in which it is damaged comes out of the store', async () => {
    const { store, one } = await filled();
    await buildSnapshot({ ...one.fleet, period: '20260101T000000Z', limit: 1e9, journal: undefined, ahead: store.time - Date.now() });
    const [pack] = (await store.list('v1/snapshots/')).objects.map(({ key }) => key).filter((key) => key.endsWith('.pack'));
    const bytes = Buffer.from(store.bytes(pack!));
    bytes.fill('x', 0, 600);
    store.put(pack!, bytes);
    const two = worker(store);
    const { unpacked } = await warm(two.fleet, () => undefined);
    expect(unpacked?.failed).toBeGreaterThan(0);
    expect(await sync(two.fleet)).toMatchObject({ down: unpacked?.failed, behind: 0 });
    expect(names(two.cache)).toEqual(names(one.cache));
  });
});

it('what is remembered is the five thousand entries that were used last; a file that is none counts as nothing', () => {
  const cache = tempCache();
  const many = new LeftOut(cache, 'test');
  for (let n = 0; n < 5010; n++) many.note({ key: keyOf(n), size: 1 }, n);
  many.save();
  const kept = new LeftOut(cache, 'test').all();
  expect([kept.length, kept[0]?.time, kept.at(-1)?.time]).toEqual([5000, 5009, 10]);
  expect(new LeftOut(cache, 'elsewhere').size).toBe(0);
  const [file] = readdirSync(cache.path('state')).filter((name) => name.startsWith('left-out'));
  for (const text of ['', '{}', '[1, null, {"ref": 1}]', `[${JSON.stringify({ ref: { key: keyOf(1), size: 1 }, time: 'now', tries: 0 })}]`]) {
    writeFileSync(cache.path('state', file!), text);
    expect(new LeftOut(cache, 'test').size).toBe(0);
  }
});
