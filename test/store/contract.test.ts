import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PkgCacheError } from '../../src/errors.ts';
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

  it('takes every character that a key may have', async () => {
    const key = 'v1/_A9.~+=@-/a+b=c@d~';
    expect(await store.create(key, Buffer.from('odd'))).toBe('created');
    expect(String(await read(store, key))).toBe('odd');
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
    expect(await outcome(store.create(`v1/short-${size}`, { path, size }))).toBe('CACHE_UNUSABLE');
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

  it('gives a range of an object, and nothing that it does not have', async () => {
    await store.create('v1/ranged', Buffer.from('0123456789'));
    const range = async (start: number, length: number): Promise<string | undefined> => {
      const object = await store.get('v1/ranged', { start, length });
      expect(object?.size).toBe(length);
      return object && String(await buffer(object.body));
    };
    expect(await range(0, 10)).toBe('0123456789');
    expect(await range(3, 4)).toBe('3456');
    expect(await range(9, 1)).toBe('9');
    expect(await store.get('v1/not-ranged', { start: 0, length: 1 })).toBeUndefined();
    expect(await outcome(store.get('v1/ranged', { start: 8, length: 3 }))).toBe('ARCHIVE_INVALID');
    expect(await outcome(store.get('v1/ranged', { start: 10, length: 1 }))).toBe('ARCHIVE_INVALID');
    expect(await range(1, 2)).toBe('12');
  });

  it.each([0, 1, 5_000_000, 17_000_000])('stores %d bytes whose number nobody knew', async (size) => {
    const key = `v1/stream-${size}`;
    const chunk = Buffer.alloc(700_001, 'made as it goes ');
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, left);
    };
    expect(await store.create(key, { pieces: pieces(), atMost: 20_000_000 })).toBe('created');
    expect(await store.create(key, { pieces: pieces(), atMost: 20_000_000 })).toBe('exists');
    const expected: Buffer[] = [];
    for await (const piece of pieces()) expected.push(Buffer.from(piece));
    expect((await read(store, key))?.equals(Buffer.concat(expected))).toBe(true);
  });

  it.each([1, 17_000_000])('stores nothing of a stream that fails after %d bytes', async (size) => {
    const key = `v1/broken-stream-${size}`;
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(size);
      throw new PkgCacheError('ENTRY_INVALID', 'what it is made of is damaged');
    };
    expect(await outcome(store.create(key, { pieces: pieces(), atMost: 20_000_000 }))).toBe('ENTRY_INVALID');
    expect(await store.get(key)).toBeUndefined();
  });

  it('lists what begins with a prefix, in the order of bytes, a page at a time', async () => {
    const names = ['a/1', 'a/b/c', 'a-b', 'a.b/x', 'a/b0', 'b', 'a/b/c~1', 'A/1', 'a'].map((name) => name.replace(/^a$/, 'a0'));
    for (const name of names) await store.create(`v1/list/${name}`, Buffer.from(name));
    await store.create('v1/lister', Buffer.from('beside it'));
    const all = names.map((name) => `v1/list/${name}`).sort();
    const { objects, next } = await store.list('v1/list/');
    expect(objects.map(({ key }) => key)).toEqual(all);
    expect(next).toBeUndefined();
    expect(objects.find(({ key }) => key === 'v1/list/a/b/c')?.size).toBe(5);
    expect((await store.list('v1/list/a/b')).objects.map(({ key }) => key)).toEqual(['v1/list/a/b/c', 'v1/list/a/b/c~1', 'v1/list/a/b0']);
    for (const limit of [1, 2, 4]) {
      const seen: string[] = [];
      for (let after: string | undefined, more = true; more; more = after !== undefined) {
        const page = await store.list('v1/list/', { after, limit });
        expect(page.objects.length).toBeLessThanOrEqual(limit);
        seen.push(...page.objects.map(({ key }) => key));
        after = page.next;
      }
      expect(seen).toEqual(all);
    }
    expect((await store.list('v1/list/', { after: 'v1/list/a/b/a' })).objects[0]?.key).toBe('v1/list/a/b/c');
    expect((await store.list('v1/list/', { after: 'v1/list/b' })).objects).toEqual([]);
    expect((await store.list('v1/none/')).objects).toEqual([]);
  });

  it('removes what is there, and does not mind what is not', async () => {
    await store.create('v1/gone', Buffer.from('x'));
    await store.remove('v1/gone');
    await store.remove('v1/gone');
    await store.remove('v1/never/was');
    expect(await store.get('v1/gone')).toBeUndefined();
    expect(await store.create('v1/gone', Buffer.from('y'))).toBe('created');
  });

  it('says what time it is, as it dates its objects', async () => {
    await store.create('v1/dated', Buffer.from('x'));
    const [dated] = (await store.list('v1/dated')).objects;
    expect(Math.abs((await store.now()) - dated!.modified)).toBeLessThan(60_000);
  });

  it('has nothing to tidy up', async () => {
    expect(await store.tidy()).toBe(0);
  });

  it('keeps prefixes apart', async () => {
    const other = await open('other');
    await store.create('v1/own', Buffer.from('x'));
    expect(await other.get('v1/own')).toBeUndefined();
    expect((await other.list('v1/')).objects).toEqual([]);
    other.close();
  });

  it.each(['../x', 'a/../x', '/x', 'a//b', 'a/', '', '.', '.tmp/x', 'a\\b', 'a\0b', 'a b', 'ä'])(
    'refuses the key %j, and goes on',
    async (key) => {
      expect((await failure(store.get(key))).code).toBe('STORE_DENIED');
      expect((await failure(store.create(key, Buffer.from('x')))).code).toBe('STORE_DENIED');
      expect((await failure(store.remove(key))).code).toBe('STORE_DENIED');
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
