import { statfsSync } from 'node:fs';

/** How full a cache's disk may get by what is added to the cache. */
export interface Floor {
  /** Bytes that stay free. */
  readonly minFree: number;
  /** Percent of the disk that may be used. */
  readonly maxUsed: number;
}


/** Why nothing may be added on the disk that `path` is on, or undefined. What is reserved for root does not count as free, as for `df`. */
export function whyFull(path: string, { minFree, maxUsed }: Floor): string | undefined {
  if (minFree === 0 && maxUsed === 100) return undefined;
  const { bavail, bfree, blocks, bsize } = statfsSync(path);
  const free = bavail * bsize;
  if (free < minFree) return `the disk has ${free} bytes left, and min_free is ${minFree}`;
  const used = blocks - bfree;
  const percent = (used / Math.max(1, used + bavail)) * 100;
  return percent > maxUsed ? `the disk is ${percent.toFixed(0)} % full, and max_used is ${maxUsed}` : undefined;
}
