import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { Header } from 'tar/header';
import type { EntryFile } from '../cache/entry.ts';
import { PkgCacheError, systemCode } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { BLOCK, END, LIST_NAME, fileHeader, listHeader, padding } from './format.ts';
import { MAX_LIST, readFileList } from './list.ts';
import { CHUNK, openSource, type ArchiveSource, type Reader } from './source.ts';
import { TreeWriter } from './tree.ts';

/** What the entry says about its files (see `Entry` in cache/entry.ts). */
export interface Expected {
  /** Hex SHA-256 of `files.json`. */
  readonly filesHash: string;
  /** Sum of the file sizes, in bytes. */
  readonly size: number;
  /** Number of files. */
  readonly count: number;
}

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
 * Returns the list of files. Holds no more than CHUNK bytes of a file in memory, and the list.
 *
 * Nothing is written before the list has been found to be the expected one, safe and consistent. After that, every
 * header, body, padding and the end must be what the list says; so the archive is the only one that this list has.
 * Otherwise `destDir` is removed again and a PkgCacheError is thrown: ARCHIVE_INVALID, or CACHE_UNUSABLE when the
 * system failed (disk full, no permission). A `destDir` that was there before is left alone.
 */
export function unpackEntry(source: ArchiveSource, destDir: string, expected: Expected, options: UnpackOptions = {}): EntryFile[] {
  try {
    const reader = openSource(source);
    try {
      return unpackFrom(reader, destDir, expected, options.trusted ?? false);
    } finally {
      reader.close();
    }
  } catch (error) {
    throw asUnpackError(error, destDir);
  }
}

function unpackFrom(reader: Reader, destDir: string, expected: Expected, trusted: boolean): EntryFile[] {
  const list = takeList(reader, expected.filesHash);
  const files = readFileList(list.toString(), 'ARCHIVE_INVALID');
  const size = files.reduce((total, file) => total + file.size, 0);
  if (files.length !== expected.count || size !== expected.size) throw invalid('the file list has another count or size than its entry');
  const top = new TreeWriter(destDir);
  try {
    top.write({ path: LIST_NAME, executable: false }, [list]);
    const tree = new TreeWriter(`${destDir}/tree`);
    for (const file of files) unpackFile(reader, tree, file, trusted);
    expectEnd(reader);
    return files;
  } catch (error) {
    rmSync(destDir, { recursive: true, force: true });
    throw error;
  }
}

/** The bytes of `files.json`. Its length is all that is ever read from a header. */
function takeList(reader: Reader, filesHash: string): Buffer {
  const header = Buffer.from(reader.take(BLOCK));
  const size = sizeIn(header);
  if (size === undefined || size > MAX_LIST || !listHeader(size).equals(header)) throw invalid(`the first member is not a usable ${LIST_NAME}`);
  const list = Buffer.concat(Array.from(body(reader, size), (chunk) => Buffer.from(chunk)));
  expectPadding(reader, size);
  if (sha256(list) !== filesHash || !isUtf8(list)) throw invalid(`${LIST_NAME} has another hash than its entry says, or is no text`);
  return list;
}

function sizeIn(header: Buffer): number | undefined {
  try {
    return new Header(header).size;
  } catch {
    return undefined; // base-256 numbers out of range
  }
}

function unpackFile(reader: Reader, tree: TreeWriter, file: EntryFile, trusted: boolean): void {
  const header = fileHeader(file);
  if (!header.equals(reader.take(header.length))) throw invalid(`a member is not ${file.path} as the list has it`);
  if (!trusted) tree.write(file, verifiedBody(reader, file));
  else if (file.size > CHUNK) tree.write(file, body(reader, file.size));
  else tree.write(file, [reader.take(file.size)]);
  expectPadding(reader, file.size);
}

/** A file's bytes. Throws when they do not have the hash that the list says. */
function* verifiedBody(reader: Reader, file: EntryFile): Generator<Buffer> {
  const digest = createHash('sha256');
  for (const chunk of body(reader, file.size)) {
    digest.update(chunk);
    yield chunk;
  }
  if (digest.digest('hex') !== file.sha256) throw invalid(`the bytes of ${file.path} have another hash than the list says`);
}

/** The bytes of a member, in chunks. */
function* body(reader: Reader, size: number): Generator<Buffer> {
  for (let left = size; left > 0; left -= CHUNK) yield reader.take(Math.min(left, CHUNK));
}

function expectPadding(reader: Reader, size: number): void {
  const length = padding(size);
  if (length > 0 && END.compare(reader.take(length), 0, length, 0, length) !== 0) throw invalid('the padding of a member is not zero');
}

function expectEnd(reader: Reader): void {
  if (!END.equals(reader.take(END.length)) || !reader.atEnd()) throw invalid('the archive goes on after the last file of its list');
}

function invalid(message: string): PkgCacheError {
  return new PkgCacheError('ARCHIVE_INVALID', message);
}

/** Errors of ours as they are; those of the system with our code. */
function asUnpackError(error: unknown, destDir: string): unknown {
  const code = systemCode(error);
  if (error instanceof PkgCacheError || code === undefined) return error;
  return new PkgCacheError('CACHE_UNUSABLE', `cannot unpack into ${destDir}: ${code}`, { cause: error });
}
