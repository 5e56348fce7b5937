import { readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { listDir } from '../../../src/cache/sweep.ts';
import { PkgCacheError } from '../../../src/errors.ts';
import type { Fleet } from '../../../src/fleet/fleet.ts';
import { buildSnapshot } from '../../../src/fleet/snapshot/build.ts';
import { decodeIndex, encodeIndex, encodeSnapshotPointer, decodeSnapshotPointer, periodName, type SnapshotIndex } from '../../../src/fleet/snapshot/format.ts';
import type { Progress } from '../../../src/fleet/snapshot/unpack.ts';
import { warm, type Warmed } from '../../../src/fleet/snapshot/warm.ts';
import { sha256 } from '../../../src/hash.ts';
import type { Store } from '../../../src/store/store.ts';
import { failure } from '../../store/helpers.ts';
import { overStore } from '../../support/over-store.ts';
import { unpacksHere } from '../../../src/fleet/unpacker.ts';
import { tempCache } from '../../cache/support.ts';
import { MAKERS, directoryStore, fill, makeOriginal, names, originalKeyOf, roomIf, worker } from '../support.ts';

const [OLD, NEW] = [periodName(Date.UTC(2026, 0, 1)), periodName(Date.UTC(2026, 0, 2))];

/** A store with a snapshot of 4 entries; `period` and the files of its objects. */
async function snapshot(period = NEW) {
  const { store, root } = await directoryStore();
  const one = worker(store);
  fill(one.cache, 3);
  makeOriginal(one.cache, originalKeyOf('original'), Buffer.from('a tarball'));
  await buildSnapshot({ ...one.fleet, period, limit: 1e9, journal: undefined, ahead: 0 });
  return { store, one, ...files(root, period) };
}

function files(root: string, period: string): Record<'pack' | 'index' | 'pointer' | 'root', string> {
  const base = join(root, 'v1/snapshots/test-group', period);
  const named = (end: string): string => join(base, readdirSync(base).find((name) => name.endsWith(end)) ?? '');
  return { root, pack: named('.pack'), index: named('.index'), pointer: named('pointer') };
}

async function warmed(store: Store, over: Partial<Fleet> = {}): Promise<{ result: Warmed; names: string[]; staging: string[] }> {
  const at = worker(store, over);
  const result = await warm(at.fleet, () => undefined);
  return { result, names: names(at.cache), staging: listDir(at.cache.path('staging')) };
}

type Where = Awaited<ReturnType<typeof snapshot>>;

/** Writes a snapshot whose hashes are right, whatever it says. */
function forge({ index, pointer, pack }: Where, change: (index: SnapshotIndex) => unknown, bytes?: (pack: Buffer) => Buffer): void {
  const now = decodeSnapshotPointer(readFileSync(pointer), `v1/snapshots/test-group/${NEW}/pointer`);
  const forged = encodeIndex(change(decodeIndex(readFileSync(index), now)) as SnapshotIndex);
  writeFileSync(index, forged);
  writeFileSync(pointer, encodeSnapshotPointer({ ...now, index: { ...now.index, sha256: sha256(forged), size: forged.length } }));
  if (bytes) writeFileSync(pack, bytes(readFileSync(pack)));
}

const ALL = ['original', 'package-0', 'package-1', 'package-2'];

describe('a member', () => {
  const flipIn = (name: string) => (where: Where) => {
    const bytes = readFileSync(where.pack);
    const pointer = decodeSnapshotPointer(readFileSync(where.pointer), `v1/snapshots/test-group/${NEW}/pointer`);
    const { members } = decodeIndex(readFileSync(where.index), pointer);
    const { at, size } = members.find(({ entry }) => entry.key.name === name)!;
    bytes[at + (size >> 1)]! ^= 1;
    writeFileSync(where.pack, bytes);
  };
  const changed = (change: (member: SnapshotIndex['members'][number]) => unknown) => (where: Where) =>
    forge(where, (index) => ({ ...index, members: index.members.map((member) => (member.entry.key.name === 'package-1' ? change(member) : member)) }));

  it.each<[string, (where: Where) => void, string]>([
    ['with a flipped bit', flipIn('package-1'), 'package-1'],
    ['from a registry with a flipped bit', flipIn('original'), 'original'],
    ['whose manifest names other files', changed((member) => ({ ...member, entry: { ...member.entry, files: 'd'.repeat(64) } })), 'package-1'],
    ['whose manifest says another size', changed((member) => ({ ...member, entry: { ...member.entry, size: member.entry.size + 1 } })), 'package-1'],
    ['that is said to be shorter', changed((member) => ({ ...member, size: member.size - 512 })), 'package-1'],
  ])('%s costs that entry alone', async (_what, poison, lost) => {
    const where = await snapshot();
    poison(where);
    const { result, names: got, staging } = await warmed(where.store);
    expect(got).toEqual(ALL.filter((name) => name !== lost));
    expect(result.problems.map(({ code }) => code)).toEqual(['ARCHIVE_INVALID']);
    expect(result.unpacked).toMatchObject({ made: 3, failed: 1 });
    expect(staging).toEqual([]);
  });
});

it.each([1000, 5 << 20])('a flipped bit in a file of an entry (%d bytes) is found, though all that is around it is right', async (size) => {
  const { store, root } = await directoryStore();
  const one = worker(store);
  fill(one.cache, 3, { bytes: size });
  await buildSnapshot({ ...one.fleet, period: NEW, limit: 1e9, journal: undefined, ahead: 0 });
  const { pack } = files(root, NEW);
  const bytes = readFileSync(pack);
  bytes[bytes.indexOf('1 1 1 1 1 1') + 500]! ^= 1;
  writeFileSync(pack, bytes);
  const { result, names: got } = await warmed(store);
  expect(got).toEqual(['package-0', 'package-2']);
  expect(result.problems.map(({ code }) => code)).toEqual(['ARCHIVE_INVALID']);
});

describe('a snapshot', () => {
  const named = (name: string) => (where: Where) => forge(where, (index) => ({ ...index, members: index.members.map((member) => ({ ...member, entry: { ...member.entry, key: { ...member.entry.key, name } } })) }));

  it.each<[string, (where: Where) => void]>([
    ['whose index has a flipped bit', ({ index }) => writeFileSync(index, readFileSync(index).map((byte, at) => (at === 40 ? byte ^ 1 : byte)))],
    ['whose index is gone', ({ index }) => rmSync(index)],
    ['whose index is cut off', ({ index }) => truncateSync(index, 30)],
    ['whose pack is gone', ({ pack }) => rmSync(pack)],
    ['whose pack is cut off', ({ pack }) => truncateSync(pack, 100)],
    ['whose pointer is damaged', ({ pointer }) => writeFileSync(pointer, 'damaged')],
    ['with hostile names', named('../../../etc/passwd')],
    ['with names for a terminal', named('x\u001b[2J')],
    ['with members that overlap', (where) => forge(where, (index) => ({ ...index, members: [...index.members, index.members[0]!] }))],
    ['with members beyond its end', (where) => forge(where, (index) => ({ ...index, pack: { ...index.pack, size: 10 } }))],
    ['with the pack of somebody else', (where) => forge(where, (index) => ({ ...index, pack: { ...index.pack, key: 'v1/archives/x' } }))],
    ['that is null', (where) => forge(where, () => null)],
  ])('%s is told, and the one before it is taken', async (_what, poison) => {
    const where = await snapshot();
    await buildSnapshot({ ...where.one.fleet, period: OLD, limit: 1e9, journal: undefined, ahead: 0 });
    poison(where);
    const { result, names: got } = await warmed(where.store);
    expect(got).toEqual(ALL);
    expect(result.period).toBe(OLD);
    expect(result.problems.every(({ code }) => code === 'ARCHIVE_INVALID')).toBe(true);
    expect(result.problems.length).toBeGreaterThan(0);
  });
});

describe('a store', () => {
  const down = new PkgCacheError('STORE_UNAVAILABLE', 'is down');
  const breaking = (store: Store, times: number): Store => {
    let left = times;
    return overStore(store, {
      get: async (key, range) => {
        const object = await store.get(key, range);
        if (!object || !key.endsWith('.pack') || left-- <= 0) return object;
        return { size: object.size, body: Readable.from(half(object.body, object.size)) };
      },
    });
  };
  async function* half(body: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
    for await (const chunk of body) yield chunk.subarray(0, size >> 1);
    throw down;
  }

  it('that breaks off in the middle is asked again for the rest', async () => {
    const { store } = await snapshot();
    const { result, names: got } = await warmed(breaking(store, 2));
    expect(got).toEqual(ALL);
    expect(result.problems).toEqual([]);
  });

  it('and what had arrived of a member counts once', async () => {
    const { store } = await snapshot();
    const steps: Progress[] = [];
    await warm(worker(breaking(store, 2)).fleet, (step) => void steps.push(step));
    expect(steps[0]).toMatchObject({ entries: 0, bytes: 0, ofEntries: 4 });
    expect(steps.at(-1)).toMatchObject({ entries: 4, bytes: steps[0]!.ofBytes });
  });

  it('that goes on breaking off is given up, and what has arrived stays: the next time goes on', async () => {
    const { store, one } = await snapshot();
    const at = worker(breaking(store, Infinity));
    expect((await failure(warm(at.fleet, () => undefined))).message).toBe('is down');
    const there = names(at.cache).length;
    expect(there).toBeGreaterThan(0);
    expect(there).toBeLessThan(4);
    expect((await warm({ ...at.fleet, store }, () => undefined)).unpacked).toEqual({ present: there, made: 4 - there, failed: 0, full: undefined });
    expect(names(at.cache)).toEqual(names(one.cache));
  });

  it('that ignores ranges leaves the worker without, and says so', async () => {
    const { store } = await snapshot();
    const ignoring = overStore(store, { get: async (key, range) => (range ? Promise.reject(new PkgCacheError('ARCHIVE_INVALID', 'the store ignores ranges')) : await store.get(key)) });
    const { result, names: got } = await warmed(ignoring);
    expect(got).toEqual([]);
    expect(result.unpacked).toBeUndefined();
    expect(result.problems[0]?.message).toBe('the store ignores ranges');
  });

  it('that fails while a snapshot is made has none afterwards', async () => {
    for (const end of ['.pack', '.index', 'pointer']) {
      const { store } = await directoryStore();
      const one = worker(overStore(store, { create: async (key, payload) => (key.endsWith(end) ? Promise.reject(down) : await store.create(key, payload)) }));
      fill(one.cache, 2);
      expect(await failure(buildSnapshot({ ...one.fleet, period: NEW, limit: 1e9, journal: undefined, ahead: 0 }))).toBe(down);
      expect((await warmed(store)).result.period).toBeUndefined();
    }
  });
});

it('where the disk has no room to spare, what fits is there, and no more', async () => {
  const { store } = await snapshot();
  let room = 2;
  const { result, names: got } = await warmed(store, { room: roomIf(() => room-- > 0) });
  expect(got).toHaveLength(2);
  expect(result.unpacked).toMatchObject({ made: 2, failed: 2, full: 'disk' });
});

it('what comes at the same time does not take the same room, and a disk that is full all the same ends it in good order', async () => {
  const { store } = await directoryStore();
  const one = worker(store);
  fill(one.cache, 6, { bytes: 34 << 20 });
  await buildSnapshot({ ...one.fleet, period: NEW, limit: 1e9, journal: undefined, ahead: 0 });
  const room = 3 * 2 * (35 << 20);
  let [used, most] = [0, 0];
  const cache = tempCache();
  const unpacker = unpacksHere(cache, MAKERS);
  const at = worker(store, { cache, room: roomIf((bytes) => used + 2 * bytes <= room), unpacker: { ...unpacker, unpack: async (unpacking) => {
    const size = 2 * (34 << 20);
    most = Math.max(most, (used += size));
    await unpacker.unpack(unpacking);
    used -= size >> 1;
    if (names(cache).length === 3) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  } } });
  expect((await warm(at.fleet, () => undefined)).unpacked).toMatchObject({ full: 'disk' });
  expect(most).toBeLessThanOrEqual(room);
  expect(listDir(cache.path('staging'))).toEqual([]);
});

it('being told to stop leaves nothing half done', async () => {
  const { store } = await snapshot();
  let left = 3;
  const at = worker(store, { pace: { between: () => (left-- > 0 ? Promise.resolve() : Promise.reject(new Error('stop'))) } });
  await expect(warm(at.fleet, () => undefined)).rejects.toThrow('stop');
  expect(readdirSync(at.cache.path('staging'))).toEqual([]);
  expect(readdirSync(at.cache.path('claims'))).toEqual([]);
});
