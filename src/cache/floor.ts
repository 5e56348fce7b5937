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

/** Whether so many bytes more would leave as much of the disk free as must stay so. */
export function hasRoom(path: string, bytes: number, { minFree, maxUsed }: Floor): boolean {
  const { bavail, bfree, blocks, bsize } = statfsSync(path);
  const more = Math.ceil(bytes / bsize);
  const used = blocks - bfree + more;
  return (bavail - more) * bsize >= minFree && (used / Math.max(1, blocks - bfree + bavail)) * 100 <= maxUsed;
}
