import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LocalCache } from '../../src/cache/local.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { readyShelves, readyUsage, shelfUsage } from '../../src/cache/shelves.ts';
import { DEAD_PID } from './support.ts';

const OWNER = { uid: 1, gid: 1, umask: 0o22 };

let root: string;
let cache: LocalCache;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pkg-cache-shelves-'));
  cache = new LocalCache(root);
  mkdirSync(cache.root);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

it('knows what ready copies take, also those of a tree whose entry is small', () => {
  expect(readyUsage(cache)).toEqual({ copies: 0, bytes: 0 });
  expect(new Shelf(cache, OWNER, 'ab.built').put(5000, (directory) => mkdirSync(directory))).toBe(true);
  expect(new Shelf(cache, OWNER, 'cd').put(70, (directory) => mkdirSync(directory))).toBe(true);
  expect(readyUsage(cache)).toEqual({ copies: 2, bytes: 5070 });
  const [shelf = ''] = readyShelves(cache).get('ab') ?? [];
  expect(shelfUsage(shelf, () => 1)).toEqual({ copies: 1, bytes: 5000 });
  mkdirSync(join(shelf, 'made-by-another-version'));
  mkdirSync(join(shelf, '.in-the-making.5000'));
  expect(shelfUsage(shelf, () => 7)).toEqual({ copies: 2, bytes: 5007 });
});

it('are no more than what is there', () => {
  const shelf = new Shelf(cache, OWNER, 'ab');
  shelf.put(10, (directory) => mkdirSync(directory));
  expect(shelf.take(join(root, 'taken'), () => true)).toBe('taken');
  expect(readyUsage(cache)).toEqual({ copies: 0, bytes: 0 });
});

it('are swept: what nobody took in a month, halves of a day ago, and shelves that were empty for as long', () => {
  const shelf = (id: string, names: readonly string[], days: number): string => {
    const directory = cache.path('ready/1-1-022', id);
    const then = Date.now() / 1000 - days * 86_400;
    for (const name of names) {
      mkdirSync(join(directory, name), { recursive: true });
      utimesSync(join(directory, name), then, then);
    }
    mkdirSync(directory, { recursive: true });
    utimesSync(directory, then, then);
    return directory;
  };
  const [old, recent, empty, emptied] = [shelf('old', ['a.1', '.half.2.3'], 31), shelf('recent', ['a.1', '.half.2.3'], 2), shelf('empty', [], 31), shelf('emptied', [], 2)];
  mkdirSync(join(recent, '.half.4.5'));
  cache.sweep();
  expect([old, recent, emptied].map((each) => readdirSync(each).sort())).toEqual([[], ['.half.4.5', 'a.1'], []]);
  expect(existsSync(empty)).toBe(false);
});

it('a half that a process which was killed has left goes when the copy is made', () => {
  const shelf = new Shelf(cache, OWNER, 'ab');
  const halves = cache.path('ready/1-1-022/ab');
  for (const pid of [DEAD_PID, process.pid]) mkdirSync(join(halves, `.abc.10.${pid}`, 'package'), { recursive: true });
  expect(shelf.put(10, (directory) => mkdirSync(directory))).toBe(true);
  expect(readdirSync(halves).filter((name) => name.startsWith('.'))).toEqual([`.abc.10.${process.pid}`]);
});

it('are not made where the disk has no room to spare', () => {
  const made: string[] = [];
  expect(new Shelf(cache, OWNER, 'ab').put(2 ** 62, (directory) => made.push(directory))).toBe(false);
  expect(made).toEqual([]);
});
