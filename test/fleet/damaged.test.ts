import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryId } from '../../src/cache/entry.ts';
import { archiveIn, type LocalCache, type LocalEntry } from '../../src/cache/local.ts';
import type { PkgCacheError } from '../../src/errors.ts';
import { archiveKey, decodePointer, originalKey, pointerKey } from '../../src/fleet/objects.ts';
import { Puller } from '../../src/fleet/pull.ts';
import { push } from '../../src/fleet/push.ts';
import { listAll, readSmall } from '../../src/fleet/small.ts';
import { unpacksHere } from '../../src/fleet/unpacker.ts';
import { sha512 } from '../../src/hash.ts';
import { denied } from '../../src/store/failure.ts';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { CONTENTS, KEY, published, tempCache, tempDir } from '../cache/support.ts';
import { failure } from '../store/helpers.ts';
import { overStore } from '../support/over-store.ts';
import { startS3, type S3Server } from '../support/s3-server.ts';
import { MAKERS, makeOriginal, originalKeyOf } from './support.ts';

let s3: S3Server;
let places = 0;

beforeAll(async () => void (s3 = await startS3()));
afterAll(async () => await s3.stop());

const TARBALL = Buffer.from('the bytes of a tarball'.repeat(100));
const LARGE = Buffer.alloc(17 << 20, 'x'); // in parts
const KEY_OF_ASH = originalKeyOf('ash');

async function open(kind: 'directory' | 'bucket'): Promise<Store> {
  return kind === 'directory' ? await openStore(tempDir(), { env: {}, circuit: memoryCircuit() }) : await openStore(`s3://${s3.bucket}/p${places++}`, { env: s3.env, circuit: memoryCircuit() });
}

/** The same store, and what it is asked for. */
function watched(store: Store): { store: Store; asked: string[] } {
  const asked: string[] = [];
  return { asked, store: overStore(store, { get: (key, range) => (asked.push(key), store.get(key, range)) }) };
}

function puller(cache: LocalCache, store: Store): { problems: PkgCacheError[]; pull: Puller } {
  const problems: PkgCacheError[] = [];
  return { problems, pull: new Puller(cache, store, unpacksHere(cache, MAKERS), (problem) => void problems.push(problem)) };
}

async function pullOriginal(cache: LocalCache, store: Store): Promise<{ problems: PkgCacheError[]; ids: string[] }> {
  const { problems, pull } = puller(cache, store);
  const pulled = await pull.pullOriginals([{ key: KEY_OF_ASH, sha512: sha512(TARBALL) }], ({ key }, bytes) => MAKERS['npm']?.(cache, key, { integrity: sha512(TARBALL) }, bytes));
  return { problems, ids: [...pulled.keys()] };
}

async function pullArchive(cache: LocalCache, store: Store): Promise<{ problems: PkgCacheError[]; ids: string[] }> {
  const { problems, pull } = puller(cache, store);
  const found = await pull.manifests([KEY]);
  return { problems, ids: [...(await pull.pull([...found.keys()])).keys()] };
}

async function bytesOf(store: Store, key: string): Promise<Buffer> {
  return (await readSmall(store, key, 32 << 20)) ?? Buffer.from('none');
}

async function replaced(store: Store, key: string, bytes: Buffer): Promise<void> {
  await store.remove(key);
  await store.create(key, bytes);
}

describe.each(['directory', 'bucket'] as const)('in a %s', (kind) => {
  it.each<[string, Buffer, (path: string) => void]>([
    ['empty', TARBALL, (path) => truncateSync(path, 0)],
    ['truncated', TARBALL, (path) => truncateSync(path, 5)],
    ['another one of the same size', TARBALL, (path) => writeFileSync(path, Buffer.alloc(TARBALL.length))],
    ['truncated, and large', LARGE, (path) => truncateSync(path, LARGE.length - 1)],
    ['gone', TARBALL, (path) => rmSync(path)],
  ])('a registry tarball that is %s is not uploaded', async (_what, bytes, harm) => {
    const store = await open(kind);
    const cache = tempCache();
    const local = makeOriginal(cache, KEY_OF_ASH, bytes);
    harm(archiveIn(local.dir));
    expect(await failure(push(cache, store, local))).toMatchObject({ code: 'ENTRY_INVALID' });
    expect(await listAll(store, 'v1/')).toEqual([]);
    await push(cache, store, makeOriginal(tempCache(), KEY_OF_ASH, bytes));
    expect((await bytesOf(store, originalKey(sha512(bytes)))).equals(bytes)).toBe(true);
  });

  it('whoever finds a registry tarball that is damaged says so once, and replaces it when it has a good one', async () => {
    const { store, asked } = watched(await open(kind));
    const key = originalKey(sha512(TARBALL));
    await store.create(key, TARBALL.subarray(0, 0));
    const cache = tempCache();
    expect((await pullOriginal(cache, store)).problems.map(({ code }) => code)).toEqual(['ARCHIVE_INVALID']);
    asked.length = 0;
    expect(await pullOriginal(cache, store)).toEqual({ problems: [], ids: [] });
    expect(asked).toEqual([]);
    const local = makeOriginal(cache, KEY_OF_ASH, TARBALL);
    expect(await push(cache, store, local)).toBe('created');
    expect(await bytesOf(store, key)).toEqual(TARBALL);
    cache.remove(local.dir);
    expect((await pullOriginal(cache, store)).ids).toEqual([entryId(KEY_OF_ASH)]);
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['empty', () => Buffer.alloc(0)],
    ['flipped', (bytes) => Buffer.from(bytes.map((byte, i) => (i === 700 ? byte ^ 1 : byte)))],
  ])('and so it does with an archive that is %s', async (_what, harm) => {
    const { store, asked } = watched(await open(kind));
    const owner = tempCache();
    await push(owner, store, published(owner, { contents: CONTENTS }));
    const key = archiveKey(decodePointer(await bytesOf(store, pointerKey(KEY)), KEY).archive.sha256);
    const good = await bytesOf(store, key);
    await replaced(store, key, harm(good));
    const cache = tempCache();
    expect((await pullArchive(cache, store)).problems.map(({ code }) => code)).toEqual(['ARCHIVE_INVALID']);
    asked.length = 0;
    expect(await pullArchive(cache, store)).toEqual({ problems: [], ids: [] });
    expect(asked.filter((each) => each === key)).toEqual([]);
    const local: LocalEntry = published(cache, { contents: CONTENTS });
    expect(await push(cache, store, local)).toBe('created');
    expect(await bytesOf(store, key)).toEqual(good);
    const reader = tempCache();
    expect((await pullArchive(reader, store)).ids).toEqual([entryId(KEY)]);
  });

  it('what is whole is replaced by nobody, whoever says that it is damaged', async () => {
    const { store } = watched(await open(kind));
    const key = originalKey(sha512(TARBALL));
    await store.create(key, Buffer.alloc(3));
    const cache = tempCache();
    await pullOriginal(cache, store);
    await replaced(store, key, TARBALL); // somebody else was faster
    const removed: string[] = [];
    const noting = overStore(store, { remove: (each) => (removed.push(each), store.remove(each)) });
    expect(await push(cache, noting, makeOriginal(cache, KEY_OF_ASH, TARBALL))).toBe('exists');
    expect(removed).toEqual([]);
  });

  it('and by nobody who may not remove', async () => {
    const { store } = watched(await open(kind));
    const key = originalKey(sha512(TARBALL));
    await store.create(key, Buffer.alloc(3));
    const cache = tempCache();
    await pullOriginal(cache, store);
    const mayNot = overStore(store, { remove: () => Promise.reject(denied('here', 'no')) });
    expect(await push(cache, mayNot, makeOriginal(cache, KEY_OF_ASH, TARBALL))).toBe('exists');
    expect(await bytesOf(store, key)).toEqual(Buffer.alloc(3));
  });
});

it('a local entry whose tarball is damaged is found', () => {
  const cache = tempCache();
  const local = makeOriginal(cache, KEY_OF_ASH, TARBALL);
  expect(() => cache.verifyArchive(local)).not.toThrow();
  truncateSync(join(local.dir, 'archive'), 0);
  expect(() => cache.verifyArchive(local)).toThrow(expect.objectContaining({ code: 'ENTRY_INVALID' }));
});
