import { mkdirSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { entryId } from '../../../src/cache/entry.ts';
import { archiveIn } from '../../../src/cache/local.ts';
import { buildSnapshot, type BuildRequest, type Built } from '../../../src/fleet/snapshot/build.ts';
import { periodName, periodTime } from '../../../src/fleet/snapshot/format.ts';
import type { Progress } from '../../../src/fleet/snapshot/unpack.ts';
import { warm, type Warmed } from '../../../src/fleet/snapshot/warm.ts';
import { sha256File } from '../../../src/hash.ts';
import type { Store } from '../../../src/store/store.ts';
import { KEY, published } from '../../cache/support.ts';
import { overStore } from '../../support/over-store.ts';
import { directoryStore, fill, keyOf, makeOriginal, names, originalKeyOf, worker, type Worker } from '../support.ts';

const PERIOD = periodName(Date.UTC(2026, 0, 1));

function build({ fleet }: Worker, over: Partial<BuildRequest> = {}): Promise<Built> {
  return buildSnapshot({ ...fleet, period: PERIOD, limit: 1e9, journal: undefined, ahead: 0, ...over });
}

async function warmed(store: Store, at = worker(store)): Promise<{ at: Worker; result: Warmed; steps: Progress[] }> {
  const steps: Progress[] = [];
  const result = await warm(at.fleet, (step) => void steps.push(step));
  return { at, result, steps };
}

it('names of periods are times', () => {
  expect(PERIOD).toBe('20260101T000000Z');
  expect(periodTime(PERIOD)).toBe(Date.UTC(2026, 0, 1));
  expect(periodTime('elsewhere')).toBeNaN();
});

it('what one worker packs is what another one has after warming up', async () => {
  const { store } = await directoryStore();
  const one = worker(store);
  fill(one.cache, 30);
  published(one.cache, { key: { ...KEY, name: 'large' }, contents: { 'lib/large.bin': 'x'.repeat(17 << 20), 'lib/run.sh': '#!/bin/sh\n' } });
  makeOriginal(one.cache, originalKeyOf('from-registry'), Buffer.from('a tarball'));
  expect(await build(one)).toMatchObject({ outcome: 'live', count: 32 });

  const { at, result, steps } = await warmed(store);
  expect(result).toEqual({ period: PERIOD, problems: [], unpacked: { present: 0, made: 32, failed: 0, full: undefined } });
  expect(names(at.cache)).toEqual(names(one.cache));
  for (const { key } of one.cache.list()) {
    const [before, after] = [one.cache.lookup(key!)!, at.cache.lookup(key!)!];
    expect(after.entry).toEqual(before.entry);
    for (const { path, sha256 } of at.cache.files(after)) expect(sha256File(join(after.dir, 'tree', path))).toBe(sha256);
  }
  expect(steps.at(-1)).toMatchObject({ entries: 32, ofEntries: 32, bytes: steps.at(-1)!.ofBytes });
  expect(readdirSync(at.cache.path('staging'))).toEqual([]);
  expect(readdirSync(at.cache.path('claims'))).toEqual([]);
});

it('warming up twice brings only what is missing', async () => {
  const { store } = await directoryStore();
  const one = worker(store);
  fill(one.cache, 10);
  await build(one);
  let read = 0;
  const counting = overStore(store, {
    get: (key, range) => {
      read += key.endsWith('.pack') ? range!.length : 0;
      return store.get(key, range);
    },
  });
  const two = worker(counting);
  fill(two.cache, 9);
  expect((await warmed(counting, two)).result.unpacked).toMatchObject({ present: 9, made: 1, failed: 0 });
  expect(read).toBeLessThan(10_000);
  read = 0;
  expect((await warmed(counting, two)).result.unpacked).toMatchObject({ present: 10, made: 0, failed: 0 });
  expect(read).toBe(0);
});

it('what was used last comes first, as far as there is room', async () => {
  const { store } = await directoryStore();
  const one = worker(store);
  for (const [n, { dir }] of fill(one.cache, 5, { bytes: 20_000 }).entries()) {
    const used = 1_700_000_000 + ((n * 2) % 5) * 1000; // 0 2 4 1 3
    utimesSync(join(dir, 'entry.json'), used, used);
  }
  expect(await build(one, { limit: 60_000 })).toMatchObject({ outcome: 'live', count: 2 });
  const { at } = await warmed(store);
  expect(names(at.cache)).toEqual(['package-2', 'package-4']);
});

describe('an entry that', () => {
  it('is damaged is put aside, and the others are packed', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    const [, second] = fill(one.cache, 3);
    writeFileSync(join(second!.dir, 'tree/lib/package_1/data.bin'), 'X'.repeat(1000));
    expect(await build(one)).toMatchObject({ outcome: 'live', count: 2 });
    expect(one.log.join()).toContain('package-1');
    expect(one.cache.lookup(keyOf(1))).toBeUndefined();
    const { at, result } = await warmed(store);
    expect(result.problems).toEqual([]);
    expect(names(at.cache)).toEqual(['package-0', 'package-2']);
  });

  it('is of a registry, and damaged, is no member either', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    fill(one.cache, 1);
    const local = makeOriginal(one.cache, originalKeyOf('from-registry'), Buffer.from('a tarball'));
    writeFileSync(archiveIn(local.dir), 'a tarbalk');
    expect(await build(one)).toMatchObject({ outcome: 'live', count: 1 });
    expect(one.cache.byId(local.id)).toBeUndefined();
    expect(names((await warmed(store)).at.cache)).toEqual(['package-0']);
  });

  it('cannot be read, though nothing says that it is damaged, is left out, and stays', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    const [local] = fill(one.cache, 2);
    rmSync(join(local!.dir, 'files.json'));
    mkdirSync(join(local!.dir, 'files.json'));
    expect(await build(one)).toMatchObject({ outcome: 'live', count: 1 });
    expect(one.cache.byId(local!.id)).toBeDefined();
  });

  it('has many small files counts with what they add to an archive', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    published(one.cache, { contents: Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`lib/${n}`, ''])) });
    expect(await build(one, { limit: 20_000 })).toEqual({ outcome: 'empty' });
    expect(await build(one, { limit: 100_000 })).toMatchObject({ outcome: 'live', bytes: expect.toSatisfy((bytes: number) => bytes > 20_000 && bytes <= 100_000) as number });
  });

  it('is evicted while it is packed is packed', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    const [first] = fill(one.cache, 3);
    one.cache.touch(first!, Date.now() + 1000);
    const evicting = async function* (pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces) {
        if (one.cache.lookup(keyOf(0))) {
          one.cache.remove(first!.dir);
          expect(one.cache.purge(first!.dir)).toBe('in use');
        }
        yield piece;
      }
    };
    const packing = overStore(store, { create: (key, payload) => store.create(key, 'pieces' in payload ? { ...payload, pieces: evicting(payload.pieces) } : payload) });
    expect(await build({ ...one, fleet: { ...one.fleet, store: packing } })).toMatchObject({ outcome: 'live', count: 3 });
    expect(one.cache.purge(first!.dir)).toBe('purged');
    const { at } = await warmed(store);
    expect(names(at.cache)).toEqual(['package-0', 'package-1', 'package-2']);
  });

  it('must not be shared is neither packed nor unpacked', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    fill(one.cache, 3);
    const without = (n: number) => ({ allowed: ({ name }: { name: string }) => name !== `package-${n}` });
    await build(one, without(0));
    const { at } = await warmed(store, worker(store, without(1)));
    expect(names(at.cache)).toEqual(['package-2']);
  });

  it('somebody else is fetching is left to that one', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    fill(one.cache, 3);
    await build(one);
    const two = worker(store);
    const claim = two.cache.claimEntry(keyOf(1));
    await warmed(store, two);
    claim?.release();
    expect(names(two.cache)).toEqual(['package-0', 'package-2']);
  });
});

it('a large entry is told of while it arrives, and is its own however long that takes', async () => {
  const { store } = await directoryStore();
  const one = worker(store);
  const { entry } = published(one.cache, { contents: { 'lib/large.bin': 'x'.repeat(6 << 20) } });
  await build(one);
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
  try {
    const two = worker(store);
    const { unpack } = two.fleet.unpacker;
    const [steps, others]: [Progress[], unknown[]] = [[], []];
    const slow = async (...args: Parameters<typeof unpack>): Promise<void> => {
      vi.advanceTimersByTime(600_000);
      others.push(two.cache.claimEntry(entry.key));
      expect([...two.cache.list()]).toMatchObject([{ status: 'copying', key: entry.key }]);
      await unpack(...args);
    };
    await warm({ ...two.fleet, unpacker: { ...two.fleet.unpacker, unpack: slow } }, (step) => void steps.push(step));
    expect(others).toEqual([undefined]);
    expect(steps.filter(({ entries, bytes }) => entries === 0 && bytes > 0).length).toBeGreaterThan(2);
    expect(names(two.cache)).toEqual([entry.key.name]);
  } finally {
    vi.useRealTimers();
  }
});

it('an empty cache makes no snapshot, nor one of which all is damaged', async () => {
  const { store } = await directoryStore();
  const one = worker(store);
  expect(await build(one)).toEqual({ outcome: 'empty' });
  const [only] = fill(one.cache, 1);
  writeFileSync(join(only!.dir, 'tree/lib/package_0/data.bin'), '');
  expect(await build(one)).toEqual({ outcome: 'empty' });
  expect((await store.list('v1/')).objects).toEqual([]);
  expect((await warmed(store)).result).toEqual({ period: undefined, unpacked: undefined, problems: [] });
});

it('of two snapshots of one period the first stays, and nothing is left of the other', async () => {
  const { store } = await directoryStore();
  const [one, two] = [worker(store), worker(store)];
  fill(one.cache, 2);
  fill(two.cache, 2, { from: 10 });
  const outcomes = (await Promise.all([build(one), build(two)])).map(({ outcome }) => outcome);
  expect(outcomes.sort()).toEqual(['live', 'lost']);
  expect((await store.list('v1/snapshots/')).objects).toHaveLength(3);
  const { at, result } = await warmed(store);
  expect(result.unpacked).toMatchObject({ made: 2, failed: 0 });
  expect([['package-0', 'package-1'], ['package-10', 'package-11']]).toContainEqual(names(at.cache));
});

it('an entry that comes out is known under its own id alone', async () => {
  const { store } = await directoryStore();
  const one = worker(store);
  const [entry] = fill(one.cache, 1);
  await build(one);
  const { at } = await warmed(store);
  expect(at.cache.byId(entry!.id)?.entry.key).toEqual(keyOf(0));
  expect(entryId(keyOf(0))).toBe(entry!.id);
  expect(readFileSync(join(at.cache.entryDir(entry!.id), 'files.json'), 'utf8')).toBe(readFileSync(join(entry!.dir, 'files.json'), 'utf8'));
});
