import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { packPieces } from '../../src/archive/pack.ts';
import { serialiseFiles } from '../../src/cache/entry.ts';
import type { LocalCache, LocalEntry } from '../../src/cache/local.ts';
import { systemCode } from '../../src/errors.ts';
import { UnpackThreads, unpackFor } from '../../src/fleet/unpack-threads.ts';
import { unpacksHere, type Unpacker, type Unpacking } from '../../src/fleet/unpacker.ts';
import { sha256, sha512 } from '../../src/hash.ts';
import { tempCache } from '../cache/support.ts';
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

it('what goes wrong in a thread is told as if it had happened here', async () => {
  const { cache, unpacker } = unpacking();
  const [one, two] = archives(2);
  one!.source.bytes[3 << 20]! ^= 1;
  expect(await failure(unpacker.unpack(one!))).toMatchObject({ code: 'ARCHIVE_INVALID', message: expect.stringContaining('data.bin') as string });
  expect(await failure(unpacker.unpack({ ...two!, sha256: 'd'.repeat(64) }))).toMatchObject({ code: 'ARCHIVE_INVALID' });
  expect(await failure(unpacker.unpack({ kind: 'original', key: originalKeyOf('x'), meta: { sha512: sha512(Buffer.from('y')) }, bytes: Buffer.from('x') }))).toMatchObject({ message: 'not those bytes' });
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
