import { describe, expect, it } from 'vitest';
import { entryId, type EntryKey } from '../../src/cache/entry.ts';
import { EvictingRoom } from '../../src/cache/evict.ts';
import type { LocalCache } from '../../src/cache/local.ts';
import { mention, refOf } from '../../src/fleet/journal.ts';
import { archiveKey, encodePointer, originalKey, pointerKey } from '../../src/fleet/objects.ts';
import { encodeIndex, encodeSnapshotPointer, snapshotKeys, type Member } from '../../src/fleet/snapshot/format.ts';
import { warm } from '../../src/fleet/snapshot/warm.ts';
import { sync } from '../../src/fleet/sync.ts';
import { sha256, sha512 } from '../../src/hash.ts';
import { PIP_META, tempCache } from '../cache/support.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { DAY, fill, keyOf, names, originalKeyOf, worker, type Worker } from './support.ts';

const TB = 1e12;
const SIZE = 100_000;

/** A worker with nine old entries, whose cache may take no more than that and a little, and what the nine take. */
function full(store: MemoryStore): Worker & { readonly maxSize: number } {
  const cache = tempCache();
  const locals = fill(cache, 9, { bytes: SIZE });
  for (const [n, local] of locals.entries()) cache.touch(local, Date.now() - DAY - n * 1000);
  const maxSize = locals.reduce((sum, { entry }) => sum + entry.size, 0) + SIZE / 2;
  return { ...worker(store, { cache, room: roomOf(cache, maxSize) }), maxSize };
}

const roomOf = (cache: LocalCache, maxSize: number): EvictingRoom => new EvictingRoom(cache, { isOnDisk: () => true, maxSize, isNeeded: () => false });

/** Puts a pointer that says it leads to so many bytes, and what it leads to. */
function putPointer(store: MemoryStore, key: EntryKey, size: number, archive: Buffer): void {
  const entry = { layout: 1, key, version: key.version, archive: { filename: 'x.whl', sha256: 'a'.repeat(64) }, size, count: 1, files: 'b'.repeat(64), meta: { ...PIP_META, name: key.name, version: key.version } } as const;
  store.put(pointerKey(key), encodePointer({ entry, archive: { sha256: sha256(archive), size } }));
  store.put(archiveKey(sha256(archive)), archive);
}

describe('what a record of the journal says of sizes makes room for nothing', () => {
  it.each(['as much as the cache may take', 'a terabyte'])('%s', async (what) => {
    const store = new MemoryStore();
    const { cache, fleet, maxSize } = full(store);
    await mention(store, fleet, [{ key: keyOf(99), size: what === 'a terabyte' ? TB : maxSize }], store.time);
    await sync(fleet);
    expect(names(cache)).toHaveLength(9);
  });

  it('nor what a pointer says, as long as no archive of that size is there', async () => {
    const store = new MemoryStore();
    const { cache, fleet, maxSize } = full(store);
    putPointer(store, keyOf(99), maxSize - 1, Buffer.from('small'));
    await mention(store, fleet, [{ key: keyOf(99), size: 5 }], store.time);
    await sync(fleet);
    expect(names(cache)).toHaveLength(9);
  });

  it('nor of what its registry has: it is believed as far as its bytes go', async () => {
    const store = new MemoryStore();
    const { cache, fleet, maxSize } = full(store);
    const bytes = Buffer.alloc(SIZE / 10, 'x');
    store.put(originalKey(sha512(bytes)), bytes);
    const original = { sha512: sha512(bytes), meta: { integrity: sha512(bytes), crlf: [] } };
    await mention(store, fleet, [{ key: originalKeyOf('large'), size: maxSize, original }], store.time);
    await sync(fleet);
    expect(names(cache)).toHaveLength(9 + 1 - 1);
  });

  it('one that claims too much keeps itself out, and nothing else', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    const [honest] = fill(one.cache, 1, { from: 50, bytes: SIZE });
    await sync(one.fleet);
    const { cache, fleet, maxSize } = full(store);
    await mention(store, fleet, [{ key: keyOf(99), size: maxSize }, refOf(honest!)], store.time);
    await sync(fleet);
    expect(names(cache)).toEqual(['package-0', 'package-1', 'package-2', 'package-3', 'package-4', 'package-5', 'package-50', 'package-6', 'package-7']);
  });
});

it('a large entry that is there makes what was used least recently go, and what there is no room for is not asked for', async () => {
  const store = new MemoryStore();
  const one = worker(store);
  const [large, larger] = [fill(one.cache, 1, { from: 50, bytes: 3 * SIZE }), fill(one.cache, 1, { from: 60, bytes: 20 * SIZE })];
  await sync(one.fleet);
  for (const { entry } of [...large, ...larger]) expect(one.cache.byId(entryId(entry.key))).toBeDefined();
  const { cache, fleet } = full(store);
  store.account();
  expect(await sync(fleet)).toMatchObject({ down: 1, over: 1 });
  expect(names(cache)).toEqual(['package-0', 'package-1', 'package-2', 'package-3', 'package-4', 'package-5', 'package-50']);
  expect(cache.byId(entryId(keyOf(60)))).toBeUndefined();
});

describe('an index of a snapshot makes room for what its pack has', () => {
  function put(store: MemoryStore, { group }: { group: string }, members: readonly Member[], size: number, pack: Buffer): void {
    const keys = snapshotKeys(group, '20260101T000000Z', 'x');
    const index = encodeIndex({ layout: 1, pack: { key: keys.pack, size }, journal: undefined, members });
    store.put(keys.pack, pack);
    store.put(keys.index, index);
    store.put(keys.pointer, encodeSnapshotPointer({ layout: 1, index: { key: keys.index, sha256: sha256(index), size: index.length }, count: members.length, bytes: size }));
  }

  const member = (key: EntryKey, claimed: number, size: number, over: object): Member => ({
    at: 0,
    size,
    used: Date.now(),
    entry: { layout: 1, key, version: key.version, archive: { filename: 'x', sha256: 'a'.repeat(64) }, size: claimed, count: 1, files: 'b'.repeat(64), meta: { ...PIP_META, name: key.name, version: key.version }, ...over },
  });

  it.each(['as much as the cache may take', 'a terabyte'])('not for archives that are not there: %s', async (what) => {
    const store = new MemoryStore();
    const { cache, fleet, maxSize } = full(store);
    const size = what === 'a terabyte' ? TB : maxSize;
    put(store, fleet, [member(keyOf(99), size, size, {})], size, Buffer.from('small'));
    await warm(fleet, () => undefined);
    expect(names(cache)).toHaveLength(9);
  });

  it('and not for more than comes out of what registries have', async () => {
    const store = new MemoryStore();
    const { cache, fleet, maxSize } = full(store);
    const bytes = Buffer.alloc(SIZE / 10, 'x');
    const over = { archive: { filename: 'x.tgz', sha256: sha256(bytes), sha512: sha512(bytes) }, meta: { integrity: sha512(bytes), crlf: [] } };
    put(store, fleet, [member(originalKeyOf('large'), maxSize, bytes.length, over)], bytes.length, bytes);
    await warm(fleet, () => undefined);
    expect(names(cache)).toHaveLength(9 + 1 - 1);
  });
});
