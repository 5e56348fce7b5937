import { statfsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { hasRoom, whyFull } from '../../src/cache/floor.ts';
import { tempDir } from './support.ts';

/** A disk, and what is free on it: others write there, too, so that nothing is asserted that a gigabyte would change. */
function disk() {
  const path = tempDir();
  const { bavail, bsize, blocks, bfree } = statfsSync(path);
  const free = bavail * bsize;
  return { path, free, used: (100 * (blocks - bfree)) / (blocks - bfree + bavail) };
}

const LARGE = 1 << 30;

it('what must stay free does', () => {
  const { path, free } = disk();
  expect(hasRoom(path, 0, { minFree: 0, maxUsed: 100 })).toBe(true);
  expect(hasRoom(path, free + LARGE, { minFree: 0, maxUsed: 100 })).toBe(false);
  expect(hasRoom(path, 0, { minFree: free + LARGE, maxUsed: 100 })).toBe(false);
  expect(hasRoom(path, -2 * LARGE, { minFree: free + LARGE, maxUsed: 100 })).toBe(true);
  expect(whyFull(path, { minFree: free + LARGE, maxUsed: 100 })).toContain('min_free');
  expect(whyFull(path, { minFree: 0, maxUsed: 100 })).toBeUndefined();
});

it('no more is used than may be', () => {
  const { path, free, used } = disk();
  expect(hasRoom(path, 0, { minFree: 0, maxUsed: used - 1 })).toBe(false);
  expect(hasRoom(path, free / 2, { minFree: 0, maxUsed: (used + 100) / 2 - 10 })).toBe(false);
  expect(hasRoom(path, free / 2, { minFree: 0, maxUsed: (used + 100) / 2 + 10 })).toBe(true);
  expect(whyFull(path, { minFree: 0, maxUsed: used - 1 })).toContain('max_used');
});
