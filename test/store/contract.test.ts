import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { startS3, type S3Server } from '../support/s3-server.ts';
import { BUILD_MS, failure, outcome, read, temporaryDirectory } from './helpers.ts';

/** The same script for every kind of store: miss, create, hit. */
function contract(open: (prefix: string) => Promise<Store>): void {
  let store: Store;
  const files = temporaryDirectory();

  beforeAll(async () => {
    store = await open('contract');
  });
  afterAll(() => {
    store.close();
    files.remove();
  });

  it('misses, creates, hits', async () => {
    expect(await store.get('v1/a/entry.json')).toBeUndefined();
    expect(await store.create('v1/a/entry.json', Buffer.from('{"first":1}'))).toBe('created');
    const unread = await store.get('v1/a/entry.json');
    expect(unread?.size).toBe(11);
    unread?.body.destroy();
    expect(String(await read(store, 'v1/a/entry.json'))).toBe('{"first":1}');
    expect(await store.get('v1/a/entry')).toBeUndefined();
    expect(await store.get('v1/a/entry.json/below')).toBeUndefined();
  });

  it('leaves what exists as it is', async () => {
    expect(await store.create('v1/b', Buffer.from('first'))).toBe('created');
    expect(await store.create('v1/b', Buffer.from('second'))).toBe('exists');
    expect(String(await read(store, 'v1/b'))).toBe('first');
  });

  it('stores nothing, too', async () => {
    expect(await store.create('v1/empty', Buffer.alloc(0))).toBe('created');
    expect(await read(store, 'v1/empty')).toEqual(Buffer.alloc(0));
  });

  it.each([1, 5_000_000, 20_000_000])('stores a file of %d bytes', async (size) => {
    const bytes = Buffer.alloc(size, 'the quick brown fox');
    const path = join(files.path, `file-${size}`);
    writeFileSync(path, bytes);
    expect(await store.create(`v1/file-${size}`, { path, size })).toBe('created');
    expect(await store.create(`v1/file-${size}`, { path, size })).toBe('exists');
    expect((await read(store, `v1/file-${size}`))?.equals(bytes)).toBe(true);
  });

  it.each([9, 20_000_000])('stores nothing of a file that is shorter than its %d bytes', async (size) => {
    const path = join(files.path, 'short');
    writeFileSync(path, Buffer.alloc(size - 1));
    expect(await outcome(store.create(`v1/short-${size}`, { path, size }))).toBe('STORE_UNAVAILABLE');
    expect(await store.get(`v1/short-${size}`)).toBeUndefined();
  });

  it('says that a file to be stored is missing, and goes on', async () => {
    const create = store.create('v1/missing', { path: join(files.path, 'missing'), size: 3 });
    expect((await failure(create)).message).toContain('the file to be stored cannot be read (ENOENT)');
    expect(await store.get('v1/missing')).toBeUndefined();
  });

  it('lets one of 16 writers win', async () => {
    const writers = Array.from({ length: 16 }, (_, n) => store.create('v1/race', Buffer.from(`writer ${n}`)));
    const outcomes = await Promise.all(writers);
    expect(outcomes.filter((o) => o === 'created')).toHaveLength(1);
    expect(String(await read(store, 'v1/race'))).toBe(`writer ${outcomes.indexOf('created')}`);
  });

  it('lets one of 4 writers of a large file win', async () => {
    const size = 17_000_000;
    const paths = [1, 2, 3, 4].map((n) => join(files.path, `large-${n}`));
    paths.forEach((path, n) => writeFileSync(path, Buffer.alloc(size, n)));
    const outcomes = await Promise.all(paths.map((path) => store.create('v1/large-race', { path, size })));
    expect(outcomes.filter((o) => o === 'created')).toHaveLength(1);
    expect((await read(store, 'v1/large-race'))?.equals(Buffer.alloc(size, outcomes.indexOf('created')))).toBe(true);
  });

  it('serves 100 objects at once, also when their bodies are read one after the other', async () => {
    const keys = Array.from({ length: 100 }, (_, n) => `v1/many/${n}`);
    await Promise.all(keys.map((key) => store.create(key, Buffer.alloc(100_000, key))));
    const objects = await Promise.all(keys.map((key) => store.get(key)));
    for (const [n, object] of objects.entries()) {
      let size = 0;
      for await (const chunk of object!.body) size += (chunk as Buffer).length;
      expect(size, keys[n]).toBe(100_000);
    }
  });

  it('keeps prefixes apart', async () => {
    const other = await open('other');
    await store.create('v1/own', Buffer.from('x'));
    expect(await other.get('v1/own')).toBeUndefined();
    other.close();
  });

  it.each(['../x', 'a/../x', '/x', 'a//b', 'a/', '', '.', '.tmp/x', 'a\\b', 'a\0b', 'a b', 'ä'])(
    'refuses the key %j, and goes on',
    async (key) => {
      expect((await failure(store.get(key))).code).toBe('STORE_DENIED');
      expect((await failure(store.create(key, Buffer.from('x')))).code).toBe('STORE_DENIED');
      expect(await store.get('v1/nothing')).toBeUndefined();
    },
  );
}

describe('a directory', () => {
  const root = temporaryDirectory();
  afterAll(root.remove);
  contract((prefix) => {
    mkdirSync(join(root.path, prefix), { recursive: true });
    return openStore(join(root.path, prefix), { env: {}, circuit: memoryCircuit() });
  });
});

describe('S3', () => {
  let s3: S3Server;
  beforeAll(async () => {
    s3 = await startS3();
  }, BUILD_MS);
  afterAll(() => s3.stop());
  contract((prefix) => openStore(`s3://${s3.bucket}/${prefix}`, { env: s3.env, circuit: memoryCircuit() }));
});
