import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { deviceOf } from '../../src/cache/copy.ts';
import { ReadyCopies } from '../../src/cache/ready.ts';
import type { Ownership } from '../../src/cache/shelf.ts';
import { codeOf, published, tempCache, tempDir } from './support.ts';

const MEMORY = '/dev/shm';

const OWNER: Ownership = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, umask: 0o022 };

/** A cache with one entry, and a shelf for its copies. */
function shelf(owner = OWNER) {
  const cache = tempCache();
  const local = published(cache);
  const name = `${owner.uid}-${owner.gid}-${owner.umask.toString(8).padStart(3, '0')}`;
  return { cache, local, ready: new ReadyCopies(cache, owner), directory: cache.path('ready', name, local.id), to: join(tempDir(), 'tree') };
}

/** Returns once what is changed gets a later time than `copy` has: the kernel's clock for that ticks every few milliseconds. */
function waitForTick(copy: string): void {
  const probe = join(tempDir(), 'probe');
  do writeFileSync(probe, 'x');
  while (statSync(probe).mtimeMs <= statSync(copy).mtimeMs);
}

it('is made once, and used up by the first who takes it', () => {
  const { cache, local, ready, directory } = shelf();
  const to = cache.path('placing');
  expect(ready.take(local, to)).toBe(false);
  expect(ready.prepare(local)).toBe(true);
  expect(ready.prepare(local)).toBe(true);
  expect(readdirSync(directory)).toHaveLength(1);
  expect(ready.take(local, to)).toBe(true);
  expect(readFileSync(join(to, 'lib/a.py'), 'utf8')).toBe('a = 1\n');
  expect(ready.take(local, `${to}-2`)).toBe(false);
});

it('is made as many times as are wanted, and one that is there counts', () => {
  const { cache, local, ready, directory } = shelf();
  expect(ready.isWanted(local, cache.root)).toBe(true);
  ready.prepare(local);
  ready.prepare(local, 3);
  expect(readdirSync(directory)).toHaveLength(3);
  for (const left of [2, 1, 0]) {
    expect(ready.isWanted(local, cache.root)).toBe(false);
    expect(ready.take(local, cache.path(`placing-${left}`))).toBe(true);
  }
  expect(ready.isWanted(local, cache.root)).toBe(true);
});

it('is for one owner and umask', () => {
  const { cache, local, ready } = shelf({ ...OWNER, umask: 0o077 });
  ready.prepare(local);
  for (const other of [OWNER, { ...OWNER, umask: 0o077, gid: 77 }]) expect(new ReadyCopies(cache, other).take(local, cache.path('placing'))).toBe(false);
  expect(ready.take(local, cache.path('placing'))).toBe(true);
  expect(statSync(cache.path('placing', 'empty')).mode & 0o777).toBe(0o600);
});

it('is not made where it would get the group of the cache', () => {
  const { local, ready, cache } = shelf();
  mkdirSync(cache.path('ready'), { recursive: true });
  chmodSync(cache.path('ready'), 0o2755);
  expect(ready.isWanted(local, cache.root)).toBe(false);
  expect(ready.prepare(local)).toBe(false);
  expect(ready.take(local, cache.path('placing'))).toBe(false);
});

it.runIf(existsSync(MEMORY) && deviceOf(MEMORY) !== deviceOf(tmpdir()))('is not wanted where it could not be renamed to', () => {
  const { local, ready, cache } = shelf();
  expect(ready.isWanted(local, cache.path('new/environment'))).toBe(true);
  expect(ready.isWanted(local, join(MEMORY, 'new/environment'))).toBe(false);
});

it('half a copy is not taken', () => {
  const { local, ready, directory, cache } = shelf();
  mkdirSync(join(directory, '.half.1'), { recursive: true });
  expect(ready.take(local, cache.path('placing'))).toBe(false);
  expect(ready.prepare(local)).toBe(true);
  expect(ready.take(local, cache.path('placing'))).toBe(true);
});

it('is verified: an entry whose bytes have changed gives none', () => {
  const { local, ready, directory } = shelf();
  writeFileSync(join(local.dir, 'tree/lib/b.txt'), 'X');
  expect(codeOf(() => ready.prepare(local))).toBe('ENTRY_INVALID');
  expect(existsSync(directory) ? readdirSync(directory) : []).toEqual([]);
});

it.each<[string, (copy: string) => void]>([
  ['a file that is gone', (copy) => rmSync(join(copy, 'lib/b.txt'))],
  ['a file of another size', (copy) => truncateSync(join(copy, 'lib/b.txt'))],
  ['a file that was replaced by one of the same size', (copy) => writeFileSync(join(copy, 'lib/b.txt'), readFileSync(join(copy, 'lib/b.txt')).reverse())],
  ['a file of another mode', (copy) => chmodSync(join(copy, 'lib/b.txt'), 0o600)],
  ['a directory of another mode', (copy) => chmodSync(join(copy, 'lib'), 0o2775)],
  ['a file more', (copy) => writeFileSync(join(copy, 'lib/c.pth'), '')],
  ['a source of another time, which its bytecode does not fit', (copy) => utimesSync(join(copy, 'lib/a.py'), 1_600_000_001, 1_600_000_001)],
])('is thrown away with %s, and the next is taken', (_what, change) => {
  const { local, ready, directory, cache } = shelf();
  ready.prepare(local);
  const [name] = readdirSync(directory);
  waitForTick(join(directory, name!));
  change(join(directory, name!));
  expect(ready.take(local, cache.path('placing'))).toBe(false);
  expect([existsSync(cache.path('placing')), readdirSync(directory)]).toEqual([false, []]);
  ready.prepare(local);
  expect(ready.take(local, cache.path('placing'))).toBe(true);
});

it('cannot be taken over to another place if that is taken', () => {
  const { local, ready, cache } = shelf();
  ready.prepare(local);
  mkdirSync(cache.path('placing', 'sub'), { recursive: true });
  expect(ready.take(local, cache.path('placing'))).toBe(false);
  expect(ready.take(local, cache.path('other'))).toBe(true);
});
