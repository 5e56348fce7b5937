import { statfsSync } from 'node:fs';

/** What is a luxury may not take the last tenth of a disk, nor its last gigabyte. `path` lies on that disk. */
export function hasRoomFor(path: string, bytes: number): boolean {
  const { bavail, blocks, bsize } = statfsSync(path);
  const floor = Math.max((blocks * bsize) / 10, 1 << 30);
  return bavail * bsize - bytes > floor;
}
