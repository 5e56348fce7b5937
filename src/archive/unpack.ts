import { rmSync } from 'node:fs';
import { beginUnpacking, unpackPart, type Expected } from './parts.ts';
import type { ArchiveSource } from './source.ts';

export interface UnpackOptions {
  /**
   * The archive's own SHA-256 has been compared already: do not hash every file a second time. Hashing takes longer
   * than all the rest, and nothing gets past one hash that the other would stop, but for a list that never was that of
   * its tree. (Such a list `packEntry` refuses to pack; and whoever wants to deceive can make a consistent one.)
   */
  readonly trusted?: boolean;
}

/**
 * Unpacks an archive (format.ts) into `destDir`, which is created: `files.json`, and the files below `tree/`.
 * Returns the text of the list. What is checked, and when, is said in parts.ts.
 *
 * Otherwise `destDir` is removed again and a PkgCacheError is thrown: ARCHIVE_INVALID, or CACHE_UNUSABLE when the
 * system failed (disk full, no permission). A `destDir` that was there before is left alone.
 */
export function unpackEntry(source: ArchiveSource, destDir: string, expected: Expected, { trusted = false }: UnpackOptions = {}): string {
  const { list, parts, check } = beginUnpacking(source, destDir, expected, { trusted });
  try {
    check();
    parts.forEach(unpackPart);
    return list;
  } catch (error) {
    rmSync(destDir, { recursive: true, force: true });
    throw error;
  }
}
