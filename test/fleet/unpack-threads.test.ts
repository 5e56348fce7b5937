import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { packPieces } from '../../src/archive/pack.ts';
import { serialiseFiles } from '../../src/cache/entry.ts';
import type { LocalCache, LocalEntry } from '../../src/cache/local.ts';
import { systemCode } from '../../src/errors.ts';
import { UnpackThreads, unpackFor } from '../../src/fleet/unpack-threads.ts';
import { unpacksHere, type Unpacker, type Unpacking } from '../../src/fleet/unpacker.ts';
import { sha256, sha512 } from '../../src/hash.ts';
import { END, member } from '../archive/raw-tar.ts';
import { staged, tempCache, type Contents } from '../cache/support.ts';
import { failure } from '../store/helpers.ts';
import { MAKERS, fill, keyOf, makeOriginal, names, originalKeyOf } from './support.ts';

/** So large that it is worth a thread. */
const BYTES = 5 << 20;

/** A thread, as far as it can be seen from outside: what it is told and answers goes the way between threads. */
function thread(cache: LocalCache): Worker {
  const { port1, port2 } = new MessageChannel();
  unpackFor(port2, cache, MAKERS);
  return Object.assign(port1, { terminate: async () => (port1.close(), 0) }) as unknown as Worker;
}

function archiveOf(cache: LocalCache, local: LocalEntry): Buffer {
  const files = cache.files(local);
  return Buffer.concat([...packPieces({ files, filesJson: serialiseFiles(files), treeDir: join(local.dir, 'tree') })]);
}

interface Archive {
  readonly kind: 'archive';
  readonly entry: LocalEntry['entry'];
  readonly source: { readonly bytes: Buffer };
}

/** What is to be unpacked, of `count` entries. */
function archives(count: number, bytes = BYTES): Archive[] {
  const from = tempCache();
  return fill(from, count, { bytes }).map((local) => ({ kind: 'archive', entry: local.entry, source: { bytes: archiveOf(from, local) } }));
}

/** A cache, what unpacks into it, and the threads that were started. */
function unpacking(start = thread, most = 2): { cache: LocalCache; unpacker: Unpacker; threads: Worker[] } {
  const cache = tempCache();
  const threads: Worker[] = [];
  const started = (): Worker => {
    const made = start(cache);
    threads.push(made);
    return made;
  };
  return { cache, threads, unpacker: new UnpackThreads(started, cache, unpacksHere(cache, MAKERS), most) };
}

it('entries are made by as many threads as there may be', async () => {
  const { cache, unpacker, threads } = unpacking();
  const tarball = Buffer.from('a tarball');
  const original: Unpacking = { kind: 'original', key: originalKeyOf('original'), meta: makeOriginal(tempCache(), originalKeyOf('original'), tarball).entry.meta, bytes: tarball };
  const [first, ...others] = archives(5);
  await Promise.all([...others, original].map((each) => unpacker.unpack(each)));
  await unpacker.unpack({ ...first!, sha256: sha256(first!.source.bytes) });
  expect(names(cache)).toEqual(['original', 'package-0', 'package-1', 'package-2', 'package-3', 'package-4']);
  expect(threads).toHaveLength(2);
  unpacker.close();
});

it('little is not worth a thread', async () => {
  const { cache, unpacker, threads } = unpacking();
  for (const each of archives(3, 1000)) await unpacker.unpack(each);
  expect(names(cache)).toHaveLength(3);
  expect(threads).toEqual([]);
});

it.each([
  [1000, 0],
  [BYTES, 2],
])('of %d bytes that are to come, %d threads know in advance', (bytes, count) => {
  const { unpacker, threads } = unpacking();
  unpacker.expect(bytes);
  unpacker.expect(bytes);
  expect(threads).toHaveLength(count);
  unpacker.close();
});

it('what goes wrong in a thread is told as if it had happened here', async () => {
  const { cache, unpacker } = unpacking();
  const [one, two] = archives(2);
  one!.source.bytes[3 << 20]! ^= 1;
  expect(await failure(unpacker.unpack(one!))).toMatchObject({ code: 'ARCHIVE_INVALID', message: expect.stringContaining('data.bin') as string });
  expect(await failure(unpacker.unpack({ ...two!, sha256: 'd'.repeat(64) }))).toMatchObject({ code: 'ARCHIVE_INVALID' });
  expect(await failure(unpacker.unpack({ kind: 'original', key: originalKeyOf('x'), meta: { integrity: sha512(Buffer.from('y')) }, bytes: Buffer.from('x') }))).toMatchObject({ message: 'not those bytes' });
  rmSync(cache.path('staging'), { recursive: true });
  writeFileSync(cache.path('staging'), ''); // nothing can be put below it
  const error = await unpacker.unpack(two!).catch((thrown: unknown) => thrown);
  expect(systemCode(error)).toMatch(/^(ENOTDIR|EEXIST)$/);
  expect(names(cache)).toEqual([]);
  unpacker.close();
});

it.each<[string, (cache: LocalCache) => Worker]>([
  [
    'dies',
    (cache) => {
      const made = thread(cache);
      made.postMessage = () => void setImmediate(() => made.emit('error', new Error('out of memory')));
      return made;
    },
  ],
  [
    'cannot be started',
    () => {
      throw new Error('no more threads');
    },
  ],
])('where a thread %s the work is done without', async (_what, start) => {
  const { cache, unpacker, threads } = unpacking(start);
  await Promise.all(archives(3).map((each) => unpacker.unpack(each)));
  await unpacker.unpack(archives(4)[3]!);
  expect(names(cache)).toEqual(['package-0', 'package-1', 'package-2', 'package-3']);
  expect(readFileSync(join(cache.lookup(keyOf(0))!.dir, 'tree/lib/package_0/data.bin'))).toHaveLength(BYTES);
  expect(threads.length).toBeLessThanOrEqual(2);
});

/** So large that it is shared out: 40 files. */
function largeArchive(): Archive & { readonly contents: Contents } {
  const from = tempCache();
  const contents = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`lib/package_${i % 7}/file_${i}.bin`, String(i % 10).repeat(512 << 10)]));
  const local = staged(from, { key: keyOf(0), contents }).publish();
  const packed = archiveOf(from, local);
  const bytes = Buffer.from(new SharedArrayBuffer(packed.length));
  packed.copy(bytes);
  return { kind: 'archive', entry: local.entry, source: { bytes }, contents };
}

/** A thread that says what it was asked to do, and does so when it is let. */
function watched(asked: string[], gate: Promise<void> = Promise.resolve()): (cache: LocalCache) => Worker {
  return (cache) => {
    const made = thread(cache);
    const post = made.postMessage.bind(made) as (message: unknown) => void;
    made.postMessage = (message: { work: { kind: string } }) => {
      asked.push(message.work.kind);
      void gate.then(() => post(message));
    };
    return made;
  };
}

function expectWhole(cache: LocalCache, contents: Contents): void {
  const local = cache.lookup(keyOf(0))!;
  expect(cache.files(local).map(({ path }) => path)).toEqual(Object.keys(contents).sort());
  for (const [path, text] of Object.entries(contents)) expect(readFileSync(join(local.dir, 'tree', path), 'utf8') === text).toBe(true);
  expect(readdirSync(cache.path('staging'))).toEqual([]);
}

describe('a large archive', () => {
  it('is shared out among idle threads, and appears when the last part is done', async () => {
    const { contents, ...archive } = largeArchive();
    const asked: string[] = [];
    let open: () => void = () => undefined;
    const gates = [Promise.resolve(), new Promise<void>((resolve) => (open = resolve))];
    const { cache, unpacker } = unpacking((each) => watched(asked, gates.shift())(each));
    const done = unpacker.unpack({ ...archive, sha256: sha256(archive.source.bytes) });
    await vi.waitUntil(() => existsSync(cache.path('staging')) && readdirSync(cache.path('staging'), { recursive: true }).some((path) => String(path).endsWith('.bin')), { timeout: 10_000 });
    expect(asked).toEqual(['part', 'part']);
    expect(cache.lookup(keyOf(0))).toBeUndefined();
    open();
    await done;
    expectWhole(cache, contents);
    unpacker.close();
  });

  it('is left whole where the others have something to do', async () => {
    const { contents, ...archive } = largeArchive();
    const asked: string[] = [];
    const { cache, unpacker } = unpacking(watched(asked));
    const busy = archives(3).slice(1).map((each) => unpacker.unpack(each));
    await Promise.all([...busy, unpacker.unpack({ ...archive, trusted: true })]);
    expect(asked).toEqual(['archive', 'archive', 'archive']);
    expectWhole(cache, contents);
    unpacker.close();
  });

  it.each([0.1, 0.9])('with a wrong byte, at %f of it, is refused as a whole', async (where) => {
    const archive = largeArchive();
    const { cache, unpacker } = unpacking();
    const { bytes } = archive.source;
    bytes[Math.floor(bytes.length * where)]! ^= 1;
    expect(await failure(unpacker.unpack({ ...archive, sha256: sha256(bytes) }))).toMatchObject({ code: 'ARCHIVE_INVALID' });
    expect(names(cache)).toEqual([]);
    expect(readdirSync(cache.path('staging'))).toEqual([]);
    unpacker.close();
  });

  it('of which two files are in each other\'s way on some file systems is refused, though all could be unpacked here', async () => {
    const body = Buffer.alloc(9 << 20);
    const paths = ['lib/Data.bin', 'lib/data.bin'];
    const list = JSON.stringify(paths.map((path) => [path, body.length, sha256(body), 0, null]));
    const bytes = Buffer.concat([member({ name: 'files.json', body: list }), ...paths.map((path) => member({ name: `tree/${path}`, body })), END]);
    const { entry } = largeArchive();
    const { cache, unpacker } = unpacking();
    const refused = await failure(unpacker.unpack({ kind: 'archive', entry: { ...entry, files: sha256(list), count: 2, size: 2 * body.length }, source: { bytes }, trusted: true }));
    expect(refused).toMatchObject({ code: 'ARCHIVE_INVALID', message: expect.stringContaining('but for case') as string });
    expect(names(cache)).toEqual([]);
    expect(readdirSync(cache.path('staging'))).toEqual([]);
    unpacker.close();
  });

  it('that does not end after its last file, or ends before, is refused', async () => {
    const archive = largeArchive();
    const { cache, unpacker } = unpacking();
    for (const bytes of [Buffer.concat([archive.source.bytes, Buffer.alloc(512)]), archive.source.bytes.subarray(0, 10 << 20)]) {
      expect(await failure(unpacker.unpack({ ...archive, source: { bytes }, trusted: true }))).toMatchObject({ code: 'ARCHIVE_INVALID' });
    }
    expect(names(cache)).toEqual([]);
    expect(readdirSync(cache.path('staging'))).toEqual([]);
    unpacker.close();
  });

  it('is unpacked anew where a thread dies in the middle', async () => {
    const { contents, ...archive } = largeArchive();
    let started = 0;
    const { cache, unpacker } = unpacking((each) => {
      const made = thread(each);
      if (started++ === 0) made.postMessage = () => void setImmediate(() => made.emit('error', new Error('out of memory')));
      return made;
    });
    await unpacker.unpack({ ...archive, trusted: true });
    expectWhole(cache, contents);
    unpacker.close();
  });

  it('may be made by two at once', async () => {
    const { contents, ...archive } = largeArchive();
    const { cache, unpacker } = unpacking();
    const other = new UnpackThreads(() => thread(cache), cache, unpacksHere(cache, MAKERS), 2);
    await Promise.all([unpacker.unpack({ ...archive, trusted: true }), other.unpack({ ...archive, trusted: true })]);
    expectWhole(cache, contents);
    unpacker.close();
    other.close();
  });
});
