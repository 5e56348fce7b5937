import { symlinkSync, renameSync, type MakeDirectoryOptions } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { tempCache, tempDir } from '../cache/support.ts';
import { treeOf } from '../e2e/support/tree.ts';
import { begin, site } from './killed.ts';
import { twoDisks, write } from './support.ts';

/** Called with each directory that has just been made: the moment of whoever owns the directory that it lies in. */
let afterMaking: (path: string) => void = () => undefined;

vi.mock(import('node:fs'), async (original) => {
  const fs = await original();
  const mkdirSync = (path: string, options?: MakeDirectoryOptions): string | undefined => {
    const first = fs.mkdirSync(path, options);
    afterMaking(path);
    return first;
  };
  return { ...fs, mkdirSync: mkdirSync as typeof fs.mkdirSync };
});

it.runIf(twoDisks)('a link that is put in the place of a transaction directory as soon as that is made leads to nothing that is removed', () => {
  const outside = join(tempDir(), 'outside');
  write(outside, { clock: '', precious: '1' });
  const before = treeOf(outside);
  const cache = tempCache();
  const target = site('/dev/shm');
  afterMaking = (path) => {
    if (!/\/\.pkg-cache-[0-9a-f]+$/.test(path)) return;
    renameSync(path, `${path}.away`);
    symlinkSync(outside, path);
  };
  expect(() => begin(cache, target)).toThrow('is not the directory that was made');
  expect(treeOf(outside)).toEqual(before);
});
