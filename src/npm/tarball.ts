import { rmSync } from 'node:fs';
import { asUnpackError } from '../archive/failure.ts';
import { TreeWriter, writeAll } from '../archive/tree.ts';
import type { EntryFile } from '../cache/entry.ts';
import { sha256 } from '../hash.ts';
import { packageFiles, type PackageFile } from './contents.ts';
import { gunzip } from './tar/gunzip.ts';
import { readMembers } from './tar/members.ts';

/** What came out of a tarball. */
export interface Unpacked {
  /** Sorted by code unit. */
  readonly files: EntryFile[];
  /** Paths of those whose first line begins with `#!` and ends with CR LF. */
  readonly crlf: string[];
  /** Of those that neither everybody nor nobody may execute: the bits of their modes that say who. */
  readonly modes: [path: string, bits: number][];
}

/**
 * Unpacks a tarball (the bytes of a .tgz from a registry) into `destDir`, which is created, as npm's pacote extracts it
 * under umask 022: fetcher.js, `extract`, the same in npm 10, 11 and 12.
 *
 * Before anything is written, the whole tarball has been understood. Throws a PkgCacheError: ARCHIVE_INVALID for a
 * tarball that is not plain in every detail, which npm may still know how to take; CACHE_UNUSABLE when the system failed.
 * `destDir` is then removed again; one that was there before is left alone. Holds the whole tar in memory.
 */
export function unpackTarball(tgz: Uint8Array, destDir: string): Unpacked {
  const tar = gunzip(tgz);
  const members = packageFiles(readMembers(tar));
  try {
    const tree = TreeWriter.create(destDir);
    const files = removingOnFailure(destDir, () => members.map((file) => writeFile(tree, tar, file)));
    const modes = members.flatMap(({ path, executableBy }): [string, number][] => (executableBy === undefined ? [] : [[path, executableBy]]));
    return { files, crlf: members.filter((file) => hasCrlf(tar, file)).map(({ path }) => path), modes };
  } catch (error) {
    throw asUnpackError(error, destDir);
  }
}

function writeFile(tree: TreeWriter, tar: Buffer, { path, executable, start, size }: PackageFile): EntryFile {
  tree.write({ path, executable }, (fd) => writeAll(fd, tar, start, size));
  return { path, size, sha256: sha256(tar.subarray(start, start + size)), executable };
}

/** bin-links, fix-bin.js, which looks at as many bytes. */
const FIRST_BYTES = 2048;

function hasCrlf(tar: Buffer, { start, size }: PackageFile): boolean {
  if (size < 2 || tar.readUInt16BE(start) !== SHEBANG) return false;
  return /^#![^\n]+\r\n/.test(tar.toString('utf8', start, start + Math.min(size, FIRST_BYTES)));
}

/** `#!` */
const SHEBANG = 0x2321;

function removingOnFailure<Result>(directory: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}
