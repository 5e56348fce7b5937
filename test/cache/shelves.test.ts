import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LocalCache } from '../../src/cache/local.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { readyShelves, readyUsage, shelfUsage } from '../../src/cache/shelves.ts';

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
  expect(shelfUsage(shelf, 1)).toEqual({ copies: 1, bytes: 5000 });
  mkdirSync(join(shelf, 'made-by-another-version'));
  mkdirSync(join(shelf, '.in-the-making.5000'));
  expect(shelfUsage(shelf, 7)).toEqual({ copies: 2, bytes: 5007 });
});

it('are no more than what is there', () => {
  const shelf = new Shelf(cache, OWNER, 'ab');
  shelf.put(10, (directory) => mkdirSync(directory));
  expect(shelf.take(join(root, 'taken'), () => true)).toBe(true);
  expect(readyUsage(cache)).toEqual({ copies: 0, bytes: 0 });
});
