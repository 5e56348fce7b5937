import { utimesSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { entryId } from '../../../src/cache/entry.ts';
import { PkgCacheError } from '../../../src/errors.ts';
import type { Fleet } from '../../../src/fleet/fleet.ts';
import { buildSnapshot } from '../../../src/fleet/snapshot/build.ts';
import type { Member } from '../../../src/fleet/snapshot/format.ts';
import { plan } from '../../../src/fleet/snapshot/plan.ts';
import { warm } from '../../../src/fleet/snapshot/warm.ts';
import { MAKERS, DAY, contentsOf, fill, keyOf, names, roomIf, worker, type Worker } from '../support.ts';
import { unpacksHere, type Unpacker } from '../../../src/fleet/unpacker.ts';
import type { Store, StoredObject } from '../../../src/store/store.ts';
import { published, tempCache } from '../../cache/support.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { overStore } from '../../support/over-store.ts';

/** A store with a snapshot of so many entries, which lie in it by their numbers. */
async function snapshot(count: number, { bytes = 1000, time = Date.now() } = {}): Promise<{ store: MemoryStore; one: Worker; size: number }> {
  const store = new MemoryStore(time);
  const one = worker(store);
  const locals = fill(one.cache, count, { bytes });
  for (const [n, local] of locals.entries()) one.cache.touch(local, Date.now() - n * 1000);
  await buildSnapshot({ ...one.fleet, period: '20260101T000000Z', limit: 1e9, journal: undefined, ahead: time - Date.now() });
  return { store, one, size: locals[0]!.entry.size };
}

/** The store, with something done to what is read of a pack. */
function reading(store: Store, read: (object: StoredObject, start: number) => StoredObject): Store {
  return overStore(store, {
    get: async (key, range) => {
      const object = await store.get(key, range);
      return object && range ? read(object, range.start) : object;
    },
  });
}

/** A worker that unpacks in its own way. */
function unpacking(store: Store, unpack: (real: Unpacker['unpack'], ...args: Parameters<Unpacker['unpack']>) => Promise<void>, over: Partial<Fleet> = {}): Worker {
  const cache = tempCache();
  const real = unpacksHere(cache, MAKERS);
  return worker(store, { ...over, cache, unpacker: { ...real, unpack: (...args) => unpack(real.unpack, ...args) } });
}

const unpackedBy = async ({ fleet }: Worker) => await warm(fleet, () => undefined);

describe('stretches of a pack', () => {
  const MB = 1 << 20;
  const at = (...sizes: [number, number][]): number[] => plan(sizes.map(([start, size]) => ({ at: start * MB, size: size * MB }) as Member)).map(({ members }) => members.length);

  it('end where they are long, and where much lies in between that is not wanted', () => {
    expect(at()).toEqual([]);
    expect(at([0, 1], [1, 1], [2, 1])).toEqual([3]);
    expect(at([0, 20], [20, 20], [40, 20], [60, 20], [80, 1])).toEqual([2, 2, 1]);
    expect(at([0, 1], [1.25, 1], [2.6, 1])).toEqual([2, 1]);
  });

  it('are read several at once, and no more of the pack than is wanted', async () => {
    const { store, size } = await snapshot(8, { bytes: 300_000 });
    let [now, most, bytes] = [0, 0, 0];
    const counting = reading(store, ({ size: length, body }) => {
      most = Math.max(most, ++now);
      bytes += length;
      return { size: length, body: body.once('close', () => now--) };
    });
    const two = worker(counting);
    for (const n of [1, 3, 5]) fill(two.cache, 1, { from: n, bytes: 300_000 });
    expect(await unpackedBy(two)).toMatchObject({ unpacked: { present: 3, made: 5, failed: 0 } });
    expect(most).toBe(4);
    expect(bytes).toBeLessThan(6 * size);
  });

  it('are begun again as often as it takes, as long as something comes of it', async () => {
    const { store } = await snapshot(8);
    let member = 0;
    const breaking = reading(store, ({ size, body }) => ({ size, body: Readable.from(first(body, 1.5 * (member ||= size / 8))) }));
    async function* first(body: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
      for await (const chunk of body) yield chunk.subarray(0, bytes);
      throw new PkgCacheError('STORE_UNAVAILABLE', 'broke off');
    }
    expect(await unpackedBy(worker(breaking))).toMatchObject({ unpacked: { made: 8, failed: 0 }, problems: [] });
  });
});

describe('an entry that comes out', () => {
  it('is as used as it was elsewhere', async () => {
    const { store, one } = await snapshot(3);
    const two = worker(store);
    await unpackedBy(two);
    for (const id of one.cache.ids()) expect(Math.abs(two.cache.lastUsed(id) - one.cache.lastUsed(id))).toBeLessThan(100);
  });

  it('is not made where an install has brought it meanwhile, which is when it was used', async () => {
    const { store } = await snapshot(3);
    let made = 0;
    const two = unpacking(store, async (real, what) => {
      if (made++ === 0) {
        const { entry } = published(two.cache, { key: keyOf(1), contents: contentsOf(1) });
        utimesSync(`${two.cache.entryDir(entryId(entry.key))}/entry.json`, 1_700_000_000, 1_700_000_000);
      }
      await real(what);
    });
    expect(await unpackedBy(two)).toMatchObject({ unpacked: { made: 3, failed: 0 } });
    expect(made).toBe(2);
    expect(two.cache.lastUsed(entryId(keyOf(1)))).toBe(1_700_000_000_000);
  });

  it('is left to whom has claimed it in a container that may be gone, until that counts as gone', async () => {
    const { store } = await snapshot(3);
    const two = worker(store);
    two.cache.claimEntry(keyOf(0))?.release(); // makes the directory
    const claim = two.cache.path('claims', entryId(keyOf(1)));
    writeFileSync(claim, JSON.stringify({ pid: 1, host: 'elsewhere:1:1' }));
    expect(await unpackedBy(two)).toMatchObject({ unpacked: { made: 2, failed: 1 } });
    utimesSync(claim, Date.now() / 1000 - 121, Date.now() / 1000 - 121);
    expect(await unpackedBy(two)).toMatchObject({ unpacked: { present: 2, made: 1, failed: 0 } });
  });
});

describe('room on the disk', () => {
  it('that others have taken who are on their way is waited for', async () => {
    const { store, size } = await snapshot(7, { bytes: 300_000 });
    const asked: number[] = [];
    const two = worker(store, { room: roomIf((bytes) => asked.push(bytes) > 0 && bytes <= size) });
    for (const n of [1, 3, 5]) fill(two.cache, 1, { from: n, bytes: 300_000 });
    expect(await unpackedBy(two)).toMatchObject({ unpacked: { made: 4, failed: 0, full: undefined } });
    expect(Math.max(...asked)).toBeGreaterThan(size);
  });

  it('is made by what was used before, by the clock of this worker, though that of the store is off', async () => {
    const { store } = await snapshot(1, { time: Date.now() + DAY });
    const asked: number[] = [];
    await unpackedBy(worker(store, { room: roomIf((_bytes, used) => asked.push(used) > 0) }));
    expect(asked).toHaveLength(1);
    expect(Math.abs(asked[0]! - Date.now())).toBeLessThan(60_000);
  });

  it('of which there turns out to be none ends it for all, and nothing more is read', async () => {
    const { store } = await snapshot(3);
    const bodies: Readable[] = [];
    const two = unpacking(reading(store, (object) => (bodies.push(object.body), object)), async (real, what) => {
      if (names(two.cache).length === 1) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      await real(what);
    });
    expect(await unpackedBy(two)).toMatchObject({ unpacked: { made: 1, failed: 2, full: 'disk' }, problems: [] });
    expect(bodies.map(({ destroyed }) => destroyed)).toEqual([true]);
  });

  it('that is not there is not looked for with an older snapshot', async () => {
    const { store, one } = await snapshot(2);
    await buildSnapshot({ ...one.fleet, period: '20260102T000000Z', limit: 1e9, journal: undefined, ahead: 0 });
    expect(await unpackedBy(worker(store, { room: roomIf(() => false) }))).toMatchObject({ period: '20260102T000000Z', unpacked: { made: 0, full: 'disk' } });
  });
});
