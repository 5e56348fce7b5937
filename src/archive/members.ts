import { createHash } from 'node:crypto';
import type { EntryFile } from '../cache/entry.ts';
import { invalid } from './failure.ts';
import { END, fileHeader, headerLength, padding } from './format.ts';
import { CHUNK, type Reader } from './source.ts';
import { writeAll, type TreeWriter } from './tree.ts';

/** Files that follow each other in an archive: those from index `from` to before `to` of its list. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  /** Where the header of the first begins and the padding of the last ends, in bytes from the archive's start. */
  readonly start: number;
  readonly end: number;
}

/** Pieces are about this large: small enough to share out evenly, large enough for two of them to be in different directories. */
const PIECE_FILES = 256;
const PIECE_BYTES = 8 << 20;

/** Cuts the members of a list, the first of which begins at `position`, into pieces. */
export function piecesOf(files: readonly EntryFile[], position: number): Piece[] {
  const pieces: Piece[] = [];
  let [from, start, end] = [0, position, position];
  files.forEach((file, index) => {
    end += headerLength(file) + file.size + padding(file.size);
    const to = index + 1;
    if (to - from < PIECE_FILES && end - start < PIECE_BYTES && to < files.length) return;
    pieces.push({ from, to, start, end });
    [from, start] = [to, end];
  });
  return pieces;
}

/**
 * Writes the files of a piece to the tree, whose directories exist. Headers, bodies and padding must be what the list says;
 * the hash of a body only if not `trusted`. Throws ARCHIVE_INVALID, or the system's error.
 */
export function unpackPiece(reader: Reader, tree: TreeWriter, files: readonly EntryFile[], piece: Piece, trusted: boolean): void {
  reader.moveTo(piece.start, piece.end);
  for (const file of files.slice(piece.from, piece.to)) unpackFile(reader, tree, file, trusted);
}

function unpackFile(reader: Reader, tree: TreeWriter, file: EntryFile, trusted: boolean): void {
  const header = fileHeader(file);
  const whole = header.length + file.size + padding(file.size);
  if (trusted && whole <= CHUNK) return unpackSmall(reader, tree, file, header, reader.take(whole));
  expectHeader(header, reader, reader.take(header.length), file);
  tree.write(file, (fd) => (trusted ? copyBody(reader, fd, file.size) : copyVerified(reader, fd, file)));
  expectPadding(reader, reader.take(padding(file.size)), file.size);
}

/** Nearly all files: header, body and padding are in the reader's window at once, from `start` on. */
function unpackSmall(reader: Reader, tree: TreeWriter, file: EntryFile, header: Buffer, start: number): void {
  const body = start + header.length;
  expectHeader(header, reader, start, file);
  expectPadding(reader, body + file.size, file.size);
  tree.write(file, (fd) => writeAll(fd, reader.window, body, file.size));
}

function expectHeader(header: Buffer, { window }: Reader, start: number, file: EntryFile): void {
  if (window.compare(header, 0, header.length, start, start + header.length) !== 0) throw invalid(`a member is not ${file.path} as the list has it`);
}

/** Throws when the bytes from `start` on, that follow a body of `size` bytes, are not zero up to the next block. */
export function expectPadding({ window }: Reader, start: number, size: number): void {
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
  if (digest.digest('hex') !== file.sha256) throw invalid(`the bytes of ${file.path} have another hash than the list says`);
}

/** The bytes of a member, in chunks that are valid until the next one. */
export function* body(reader: Reader, size: number): Generator<Buffer> {
  for (let left = size; left > 0; left -= CHUNK) {
    const length = Math.min(left, CHUNK);
    const start = reader.take(length);
    yield reader.window.subarray(start, start + length);
  }
}

/** Throws when the archive does not end at `position` with two zero blocks. */
export function expectEnd(reader: Reader, position: number): void {
  if (reader.size !== position + END.length) throw invalid('the archive does not end after the last file of its list');
  reader.moveTo(position, reader.size);
  const start = reader.take(END.length);
  if (reader.window.compare(END, 0, END.length, start, start + END.length) !== 0) throw invalid('the archive does not end with zeros');
}
