import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { EntryFile } from '../cache/entry.ts';
import type { PkgCacheError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { invalid } from './failure.ts';
import { BLOCK, END, LIST_NAME, fileFront, listHeader, padding, sizeIn } from './format.ts';
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
  expectZeros(reader, padding(size));
  if (sha256(list) !== filesHash || !isUtf8(list)) throw invalid(`${LIST_NAME} has another hash than its entry says, or is no text`);
  return list;
}

/** The files of an archive, or of a part of it, one after the other. */
export class Members {
  readonly #reader: Reader;
  readonly #trusted: boolean;
  /** How many zero bytes lie between the bytes that were read last and the next block. */
  #padding = 0;

  /** `trusted`: the hashes of files are not compared. */
  constructor(reader: Reader, { trusted }: { trusted: boolean }) {
    this.#reader = reader;
    this.#trusted = trusted;
  }

  /**
   * Writes the next file to the tree. What is in front of it, and its bytes, must be what the list says; the hash of the bytes only if not
   * `trusted`. Throws ARCHIVE_INVALID, or the system's error.
   */
  unpack(tree: TreeWriter, file: EntryFile): void {
    const reader = this.#reader;
    const front = fileFront(file);
    const length = this.#padding + front.length - BLOCK;
    const whole = length + file.size;
    const start = reader.take(whole <= CHUNK ? whole : length);
    if (reader.window.compare(front, front.length - length, front.length, start, start + length) !== 0) throw invalid(`what is in front of ${file.path} is not what the list says`);
    this.#padding = padding(file.size);
    if (whole <= CHUNK) this.#writeSmall(tree, file, start + length);
    else tree.write(file, (fd) => (this.#trusted ? copyBody(reader, fd, file.size) : copyVerified(reader, fd, file)));
  }

  /** Nearly all files: the bytes are in the reader's window at once. */
  #writeSmall(tree: TreeWriter, file: EntryFile, start: number): void {
    const { window } = this.#reader;
    if (!this.#trusted && sha256(window.subarray(start, start + file.size)) !== file.sha256) throw otherBytes(file);
    tree.write(file, (fd) => writeAll(fd, window, start, file.size));
  }

  /** Throws ARCHIVE_INVALID when the padding of the last file is not zero, or, if that `isLast` in its archive, when this does not end after it, with two zero blocks. */
  end(isLast: boolean): void {
    expectZeros(this.#reader, this.#padding + (isLast ? END.length : 0));
    if (isLast && !this.#reader.atEnd) throw invalid('the archive does not end after the last file of its list');
  }
}

function expectZeros(reader: Reader, length: number): void {
  const start = reader.take(length);
  if (!reader.window.subarray(start, start + length).every((byte) => byte === 0)) throw invalid('the end of a member, or of the archive, is not zero');
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
