import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { entryId } from '../../src/cache/entry.ts';
import { LocalCache } from '../../src/cache/local.ts';
import { archiveKey, decodePointer, encodePointer, pointerKey } from '../../src/fleet/objects.ts';
import { Puller } from '../../src/fleet/pull.ts';
import { push } from '../../src/fleet/push.ts';
import { unpacksHere } from '../../src/fleet/unpacker.ts';
import { sha256File } from '../../src/hash.ts';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { CONTENTS, KEY, published, tempCache, tempDir, type Contents } from '../cache/support.ts';
import { failure } from '../store/helpers.ts';
import { overStore } from '../support/over-store.ts';
import { fill, originalKeyOf } from './support.ts';

const ID = entryId(KEY);

/** A store in a directory, and a cache with an entry that was pushed there. */
async function pushed(contents: Contents = CONTENTS) {
  const root = tempDir();
  const store = await openStore(root, { env: {}, circuit: memoryCircuit() });
  const cache = tempCache();
  const local = published(cache, { contents });
  expect(await push(cache, store, local)).toBe('created');
  const pointer = join(root, pointerKey(KEY));
  const archive = join(root, archiveKey(decodePointer(readFileSync(pointer), KEY).archive.sha256));
  return { root, store, cache, local, pointer, archive, text: Object.values(contents)[0]!.slice(0, 1000) };
}

/** What another worker gets: the entry, and what went wrong. */
async function pulled(store: Store, cache = tempCache()): Promise<{ cache: LocalCache; found: number; got: boolean; problems: string[]; staging: string[] }> {
  const problems: string[] = [];
  const puller = new Puller(cache, store, unpacksHere(cache, {}), ({ code }) => void problems.push(code));
  const found = await puller.manifests([KEY]);
  const got = await puller.pull([ID]);
  const staging = existsSync(cache.path('staging')) ? readdirSync(cache.path('staging')) : [];
  return { cache, found: found.size, got: got.has(ID), problems, staging };
}

/** Fails with what goes wrong. */
function pullerOf(store: Store, cache: LocalCache): Puller {
  return new Puller(cache, store, unpacksHere(cache, {}), (problem) => {
    throw problem;
  });
}

describe('pushing', () => {
  it('is done once, and leaves no archive behind', async () => {
    const { store, cache, local, archive } = await pushed();
    expect(archive).toContain(sha256File(archive));
    expect(await push(cache, store, local)).toBe('exists');
    expect(readdirSync(cache.path('spool', 'archives'))).toEqual([]);
  });

  it('reads nothing that is being deleted', async () => {
    const { store } = await pushed();
    const cache = tempCache();
    const local = published(cache, { key: { ...KEY, origin: 'other' } });
    const asking = overStore(store, {
      get: async (key) => {
        cache.remove(local.dir);
        expect(cache.purge(local.dir)).toBe('in use');
        return await store.get(key);
      },
    });
    expect(await push(cache, asking, local)).toBe('created');
    expect(cache.purge(local.dir)).toBe('purged');
  });

  it('equal trees make one archive', async () => {
    const { store, root } = await pushed();
    const cache = tempCache();
    expect(await push(cache, store, published(cache, { key: { ...KEY, origin: 'other' } }))).toBe('created');
    expect(readdirSync(join(root, 'v1/archives'))).toHaveLength(1);
  });

  it.each(['pointer', 'archive'] as const)('where the %s in the store is damaged, nothing can be done about it, and that is no failure', async (which) => {
    const { store, cache, local, ...paths } = await pushed();
    truncateSync(paths[which], which === 'pointer' ? 5 << 20 : 0);
    expect(await push(cache, store, local)).toBe('exists');
  });

  it('an entry whose bytes have changed is not stored', async () => {
    const { store, root } = await pushed();
    const cache = tempCache();
    const key = { ...KEY, origin: 'other' };
    const local = published(cache, { key });
    writeFileSync(join(local.dir, 'tree/lib/b.txt'), 'X');
    expect(await failure(push(cache, store, local))).toMatchObject({ code: 'ENTRY_INVALID' });
    expect(existsSync(join(root, pointerKey(key)))).toBe(false);
    expect(readdirSync(cache.path('spool', 'archives'))).toEqual([]);
  });
});

describe('pulling', () => {
  it.each([
    ['small', CONTENTS],
    ['large, through a file', { 'lib/big.bin': 'x'.repeat(9 << 20), 'lib/a.py': '' }],
  ])('brings the same entry: %s', async (_size, contents) => {
    const { store, local } = await pushed(contents);
    const { cache, ...rest } = await pulled(store);
    expect(rest).toEqual({ found: 1, got: true, problems: [], staging: [] });
    const copy = cache.lookup(KEY)!;
    expect(copy.entry).toEqual(local.entry);
    for (const { path, sha256 } of cache.files(copy)) expect(sha256File(join(copy.dir, 'tree', path))).toBe(sha256);
  });

  it('what the store does not have is a miss, and no problem', async () => {
    const store = await openStore(tempDir(), { env: {}, circuit: memoryCircuit() });
    expect(await pulled(store)).toMatchObject({ found: 0, got: false, problems: [] });
  });

  it('what is there already is not fetched', async () => {
    const { store, cache, archive } = await pushed();
    rmSync(archive);
    expect(await pulled(store, cache)).toMatchObject({ got: true, problems: [] });
  });

  type Pushed = Awaited<ReturnType<typeof pushed>>;
  const big: Contents = { 'lib/big.bin': 'x'.repeat(9 << 20) };
  const flip = (path: string, text?: string): void => {
    const bytes = readFileSync(path);
    bytes[text === undefined ? bytes.length >> 1 : bytes.indexOf(text)]! ^= 1;
    writeFileSync(path, bytes);
  };
  it.each([
    ['a flipped bit in the pointer', ({ pointer }) => flip(pointer), 0],
    ['a pointer that is cut off', ({ pointer }) => truncateSync(pointer, 100), 0],
    ['an empty pointer', ({ pointer }) => truncateSync(pointer), 0],
    ['an endless pointer', ({ pointer }) => writeFileSync(pointer, Buffer.alloc(5 << 20, 'x')), 0],
    ['a flipped bit in the archive', ({ archive }) => flip(archive), 1],
    ['a flipped bit in a file of the archive', ({ archive, text }) => flip(archive, text), 1],
    ['an archive that is cut off', ({ archive }) => truncateSync(archive, 512), 1],
    ['an archive that goes on', ({ archive }) => appendFileSync(archive, 'x'), 1],
    ['an archive of another manifest', ({ pointer }) => writeFileSync(pointer, otherManifest(pointer)), 1],
  ] as [string, (store: Pushed) => void, number][])('%s: a miss that is told, and nothing stays', async (_what, damage, found) => {
    for (const contents of [CONTENTS, big]) {
      const state = await pushed(contents);
      damage(state);
      const { cache, ...rest } = await pulled(state.store);
      expect(rest).toEqual({ found, got: false, problems: ['ARCHIVE_INVALID'], staging: [] });
      expect(cache.lookup(KEY)).toBeUndefined();
    }
  });

  /** A pointer that is right in itself, but promises other files than its archive has. */
  function otherManifest(path: string): Buffer {
    const { entry, archive } = decodePointer(readFileSync(path), KEY);
    return encodePointer({ entry: { ...entry, files: 'd'.repeat(64) }, archive });
  }

  it('an archive that is gone is a miss', async () => {
    const { store, archive } = await pushed();
    rmSync(archive);
    expect(await pulled(store)).toMatchObject({ found: 1, got: false, problems: [], staging: [] });
  });

  it('several at once fetch an entry once each for all', async () => {
    const { store } = await pushed();
    const cache = tempCache();
    let fetched = 0;
    const counting = overStore(store, { get: (key) => ((fetched += Number(key.includes('archives'))), store.get(key)) });
    const results = await Promise.all(Array.from({ length: 5 }, () => pulled(counting, cache)));
    expect(results.map(({ got }) => got)).toEqual([true, true, true, true, true]);
    expect(fetched).toBe(1);
  });

  it('what somebody else has brought just before it was our turn is not fetched again', async () => {
    const { store, local } = await pushed();
    const cache = tempCache();
    const claim = cache.claimEntry.bind(cache);
    cache.claimEntry = (key) => {
      published(cache);
      return claim(key);
    };
    const asked: string[] = [];
    const asking = overStore(store, { get: (key) => (asked.push(key), store.get(key)) });
    expect(await pulled(asking, cache)).toMatchObject({ got: true });
    expect(asked).toEqual([pointerKey(local.entry.key)]);
  });

  it('what somebody is bringing for the background, and does not, an install brings itself in a while', async () => {
    const { store } = await pushed();
    const cache = tempCache();
    cache.claimEntry(KEY, 'background');
    expect(await pulled(store, cache)).toMatchObject({ got: true });
  });

  it.each(['install', 'background'] as const)('for what somebody else is bringing for an install everybody waits, and the background for all: %s', async (purpose) => {
    const { store } = await pushed();
    const cache = tempCache();
    const claim = cache.claimEntry(KEY, purpose);
    const puller = new Puller(cache, store, unpacksHere(cache, {}), () => undefined, purpose);
    await puller.manifests([KEY]);
    const pulling = puller.pull([ID]);
    expect(await Promise.race([pulling, sleep(3000, 'waits')])).toBe('waits');
    claim?.release();
    expect((await pulling).size).toBe(1);
  });

  it('what the rules are against is not asked for', async () => {
    const { store } = await pushed();
    const refusing = new LocalCache(tempDir(), { minFree: 0, maxUsed: 100, whyNot: () => 'not wanted' });
    const original = originalKeyOf('x');
    const nothing = overStore(store, { get: () => Promise.reject(new Error('asked')) });
    expect(await pulled(nothing, refusing)).toMatchObject({ found: 0, problems: [] });
    expect((await pullerOf(nothing, refusing).pullOriginals([{ key: original, sha512: 'a'.repeat(128) }], () => undefined)).size).toBe(0);
  });

  it('few are on their way at once', async () => {
    const store = await openStore(tempDir(), { env: {}, circuit: memoryCircuit() });
    const one = tempCache();
    const locals = fill(one, 20);
    for (const local of locals) await push(one, store, local);
    const waiting: (() => void)[] = [];
    const slow = overStore(store, {
      get: async (key) => {
        if (key.includes('/archives/')) await new Promise<void>((go) => waiting.push(go));
        return await store.get(key);
      },
    });
    const puller = pullerOf(slow, tempCache());
    await puller.manifests(locals.map(({ entry }) => entry.key));
    let [most, done] = [0, false];
    const pulling = puller.pull(locals.map(({ id }) => id)).finally(() => (done = true));
    while (!done) {
      await sleep(20);
      most = Math.max(most, waiting.length);
      for (const go of waiting.splice(0)) go();
    }
    expect((await pulling).size).toBe(20);
    expect(most).toBe(8);
  });

  it('what is larger than can be held in memory is left to the real tool, also if all of it comes', async () => {
    const { store } = await pushed();
    const bodies: Readable[] = [];
    const huge = overStore(store, {
      get: () => {
        bodies.push(Readable.from([Buffer.alloc(1000)], { objectMode: false }));
        return Promise.resolve({ size: (64 << 20) + 1, body: bodies.at(-1)! });
      },
    });
    const pulledOnes = await pullerOf(huge, tempCache()).pullOriginals([{ key: originalKeyOf('x'), sha512: 'a'.repeat(128) }], () => Promise.reject(new Error('made')));
    expect(pulledOnes.size).toBe(0);
    expect(bodies.map(({ destroyed }) => destroyed)).toEqual([true]);
  });

  it('what cannot be written here is told, and not as if the store had failed', async () => {
    const { store } = await pushed();
    const full = { ...unpacksHere(tempCache(), {}), unpack: () => Promise.reject(Object.assign(new Error('no'), { code: 'EDQUOT' })) };
    const problems: string[] = [];
    const puller = new Puller(tempCache(), store, full, ({ code, message }) => void problems.push(`${code} ${message}`));
    await puller.manifests([KEY]);
    expect((await puller.pull([ID])).size).toBe(0);
    expect(problems).toEqual(['CACHE_UNUSABLE cannot write to the cache: EDQUOT']);
  });

  it('without a directory to unpack into, a miss that is told', async () => {
    const { store } = await pushed();
    const cache = tempCache();
    mkdirSync(cache.root, { recursive: true });
    writeFileSync(cache.path('staging'), '');
    const problems: string[] = [];
    const puller = new Puller(cache, store, unpacksHere(cache, {}), ({ code }) => void problems.push(code));
    await puller.manifests([KEY]);
    expect((await puller.pull([ID])).size).toBe(0);
    expect(problems).toHaveLength(1);
  });
});
