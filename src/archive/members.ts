import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { EntryFile } from '../cache/entry.ts';
import type { PkgCacheError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { invalid } from './failure.ts';
import { BLOCK, END, LIST_NAME, fileHeader, listHeader, padding, sizeIn } from './format.ts';
import { MAX_LIST } from './list.ts';
import { CHUNK, type Reader } from './source.ts';
import { writeAll, type TreeWriter } from './tree.ts';

/** The bytes of `files.json`, with which an archive begins. Its length is all that is ever read from a header. Throws ARCHIVE_INVALID. */
export function takeList(reader: Reader, filesHash: string): Buffer {
  const start = reader.take(BLOCK);
  const header = Buffer.from(reader.window.subarray(start, start + BLOCK));
  const size = sizeIn(header);
  if (size === undefined || size > MAX_LIST || !listHeader(size).equals(header)) throw invalid(`the first member is not a usable ${LIST_NAME}`);
  const list = Buffer.concat(Array.from(body(reader, size), (chunk) => Buffer.from(chunk)));
  expectPadding(reader, reader.take(padding(size)), size);
  if (sha256(list) !== filesHash || !isUtf8(list)) throw invalid(`${LIST_NAME} has another hash than its entry says, or is no text`);
  return list;
}

/**
 * Writes the next file of an archive to the tree. Header, body and padding must be what the list says; the hash of the body only if not
 * `trusted`. Throws ARCHIVE_INVALID, or the system's error.
 */
export function unpackFile(reader: Reader, tree: TreeWriter, file: EntryFile, trusted: boolean): void {
  const header = fileHeader(file);
  const whole = header.length + file.size + padding(file.size);
  if (whole <= CHUNK) return unpackSmall(reader, tree, file, header, { start: reader.take(whole), trusted });
  expectHeader(header, reader, reader.take(header.length), file);
  tree.write(file, (fd) => (trusted ? copyBody(reader, fd, file.size) : copyVerified(reader, fd, file)));
  expectPadding(reader, reader.take(padding(file.size)), file.size);
}

/** Nearly all files: header, body and padding are in the reader's window at once, from `start` on. */
function unpackSmall(reader: Reader, tree: TreeWriter, file: EntryFile, header: Buffer, { start, trusted }: { start: number; trusted: boolean }): void {
  const body = start + header.length;
  expectHeader(header, reader, start, file);
  expectPadding(reader, body + file.size, file.size);
  if (!trusted && sha256(reader.window.subarray(body, body + file.size)) !== file.sha256) throw otherBytes(file);
  tree.write(file, (fd) => writeAll(fd, reader.window, body, file.size));
}

function expectHeader(header: Buffer, { window }: Reader, start: number, file: EntryFile): void {
  if (window.compare(header, 0, header.length, start, start + header.length) !== 0) throw invalid(`a member is not ${file.path} as the list has it`);
}

/** Throws when the bytes from `start` on, that follow a body of `size` bytes, are not zero up to the next block. */
function expectPadding({ window }: Reader, start: number, size: number): void {
  const length = padding(size);
  if (window.compare(END, 0, length, start, start + length) !== 0) throw invalid('the padding of a member is not zero');
}

function copyBody(reader: Reader, fd: number, size: number): void {
  for (let left = size; left > 0; left -= CHUNK) {
    const length = Math.min(left, CHUNK);
    writeAll(fd, reader.window, reader.take(length), length);
  }
}

/** As `copyBody`; throws when the bytes do not have the hash that the list says. */
function copyVerified(reader: Reader, fd: number, file: EntryFile): void {
  const digest = createHash('sha256');
  for (const chunk of body(reader, file.size)) {
    digest.update(chunk);
    writeAll(fd, chunk);
  }
  if (digest.digest('hex') !== file.sha256) throw otherBytes(file);
}

function otherBytes({ path }: EntryFile): PkgCacheError {
  return invalid(`the bytes of ${path} have another hash than the list says`);
}

/** The bytes of a member, in chunks that are valid until the next one. */
function* body(reader: Reader, size: number): Generator<Buffer> {
  for (let left = size; left > 0; left -= CHUNK) {
    const length = Math.min(left, CHUNK);
    const start = reader.take(length);
    yield reader.window.subarray(start, start + length);
  }
}

/** Throws when the archive does not end here, with two zero blocks. */
export function expectEnd(reader: Reader): void {
  const start = reader.take(END.length);
  if (reader.window.compare(END, 0, END.length, start, start + END.length) !== 0 || !reader.atEnd) throw invalid('the archive does not end after the last file of its list');
}
