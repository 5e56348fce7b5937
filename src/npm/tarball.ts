import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { asUnpackError } from '../archive/failure.ts';
import { CHUNK, type Reader } from '../archive/source.ts';
import { TreeWriter, writeAll } from '../archive/tree.ts';
import type { EntryFile } from '../cache/entry.ts';
import { sha256 } from '../hash.ts';
import { hasCrlf } from './bins.ts';
import { packageFiles, type PackageFile } from './contents.ts';
import { gunzip, type Tar } from './tar/gunzip.ts';
import { readMembers, skip } from './tar/members.ts';

/** What came out of a tarball. */
export interface Unpacked {
  /** Sorted by code unit. */
  readonly files: EntryFile[];
  /** Paths of those whose first line begins with `#!` and ends with CR LF. */
  readonly crlf: string[];
  /** Of those that neither everybody nor nobody may execute: the bits of their modes that say who. */
  readonly modes: [path: string, bits: number][];
}

/** A larger tar (bytes) is not held in memory as a whole. */
const IN_MEMORY = 16 << 20;

/**
 * Unpacks a tarball (the bytes of a .tgz from a registry) into `destDir`, which is created, as npm's pacote extracts it
 * under umask 022: fetcher.js, `extract`, the same in npm 10, 11 and 12.
 *
 * Before anything is written, the whole tarball has been understood. Throws a PkgCacheError: ARCHIVE_INVALID for a
 * tarball that is not plain in every detail, which npm may still know how to take; CACHE_UNUSABLE when the system failed.
 * `destDir` is then removed again; one that was there before is left alone. A tar of more than `inMemory` bytes is
 * decompressed twice, so as not to be held.
 */
export function unpackTarball(tgz: Uint8Array, destDir: string, inMemory = IN_MEMORY): Unpacked {
  const tar = gunzip(tgz, inMemory);
  const files = packageFiles(readMembers(tar));
  try {
    const tree = TreeWriter.create(destDir);
    const crlf = new Set<string>();
    const hashes = removingOnFailure(destDir, () => writeFiles(tar, tree, files, crlf));
    const modes = files.flatMap(({ path, executableBy }): [string, number][] => (executableBy === undefined ? [] : [[path, executableBy]]));
    return {
      files: files.map(({ path, size, executable }) => ({ path, size, sha256: hashes.get(path) ?? '', executable })),
      crlf: files.filter(({ path }) => crlf.has(path)).map(({ path }) => path),
      modes,
    };
  } catch (error) {
    throw asUnpackError(error, destDir);
  }
}

/** Writes the files, in the order of the tar; returns their hashes, and adds those whose first line ends with CR LF to `crlf`. */
function writeFiles(tar: Tar, tree: TreeWriter, files: readonly PackageFile[], crlf: Set<string>): Map<string, string> {
  const hashes = new Map<string, string>();
  const reader = tar.open();
  try {
    let position = 0;
    for (const file of [...files].sort((a, b) => a.start - b.start)) {
      skip(reader, file.start - position);
      const { hash, hasCrlf } = writeFile(reader, tree, file);
      hashes.set(file.path, hash);
      if (hasCrlf) crlf.add(file.path);
      position = file.start + file.size;
    }
    return hashes;
  } finally {
    reader.close();
  }
}

/** Writes a file whose bytes come next. */
function writeFile(reader: Reader, tree: TreeWriter, file: PackageFile): { hash: string; hasCrlf: boolean } {
  if (file.size > CHUNK) return writeLarge(reader, tree, file);
  const start = reader.take(file.size);
  tree.write(file, (fd) => writeAll(fd, reader.window, start, file.size));
  const bytes = reader.window.subarray(start, start + file.size);
  return { hash: sha256(bytes), hasCrlf: hasCrlf(bytes) };
}

/** The same in pieces. */
function writeLarge(reader: Reader, tree: TreeWriter, file: PackageFile): { hash: string; hasCrlf: boolean } {
  const digest = createHash('sha256');
  let isCrlf = false;
  tree.write(file, (fd) => {
    for (let done = 0; done < file.size; done += CHUNK) {
      const start = reader.take(Math.min(file.size - done, CHUNK));
      const bytes = reader.window.subarray(start, start + Math.min(file.size - done, CHUNK));
      if (done === 0) isCrlf = hasCrlf(bytes);
      digest.update(bytes);
      writeAll(fd, bytes);
    }
  });
  return { hash: digest.digest('hex'), hasCrlf: isCrlf };
}

function removingOnFailure<Result>(directory: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}
