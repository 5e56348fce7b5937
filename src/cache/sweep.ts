import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Removes what lies in `directory` and was not changed for `age` milliseconds. */
export function removeOld(directory: string, age: number): void {
  for (const name of listDir(directory)) {
    const path = join(directory, name);
    if (ageOf(path) > age) removeTree(path);
  }
}

/** Removes what nobody needs. What is not ours to remove, or lies on a read-only disk, stays: no work fails for that. */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // The next sweep tries again.
  }
}

/** Milliseconds since it was changed; negative if it is not there. */
export function ageOf(path: string): number {
  return Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity);
}

/** The names in a directory; none if it cannot be read. */
export function listDir(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
