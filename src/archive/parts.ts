import { rmSync } from 'node:fs';
import { fileOf, type Entry, type FileRow } from '../cache/entry.ts';
import { asUnpackError, invalid } from './failure.ts';
import { BLOCK, LIST_NAME, headerLength, padding } from './format.ts';
import { FileList, rowsOf } from './list.ts';
import { Members, takeList } from './members.ts';
import { openSource, type ArchiveSource } from './source.ts';
import { TreeWriter, writeAll } from './tree.ts';

/** What the entry says about its files (see `Entry` in cache/entry.ts). */
export interface Expected {
  /** Hex SHA-256 of `files.json`. */
  readonly filesHash: string;
  /** Sum of the file sizes, in bytes. */
  readonly size: number;
  /** Number of files. */
  readonly count: number;
}

/** What `entry` says about its files. */
export function expectedOf({ files, size, count }: Entry): Expected {
  return { filesHash: files, size, count };
}

/** Files of an archive that follow each other, for one thread to unpack. Plain values, which can be sent to it. */
export interface Part {
  readonly source: ArchiveSource;
  readonly destDir: string;
  readonly trusted: boolean;
  /** Their rows (`FileList.textOf`): a text is sent to a thread in a fraction of the time that arrays take. */
  readonly rows: string;
  /** Where in the archive the header of the first of them is. */
  readonly at: number;
  /** Whether the archive ends after them. */
  readonly isLast: boolean;
  /** Whether others write to the same tree. */
  readonly isShared: boolean;
  /** Whether the modes that things are created with are not those that they get. */
  readonly chmod: boolean;
}

/** What creating an empty file costs, in bytes that could be written to a file in the same time. */
const PER_FILE = 32 << 10;

/** How much work an entry's files are, in bytes that take as long. */
export function workOf({ size, count }: { readonly size: number; readonly count: number }): number {
  return size + count * PER_FILE;
}

/** Work that has been begun. */
export interface Begun {
  /** The text of `files.json`. */
  readonly list: string;
  readonly parts: readonly Part[];
  /**
   * Looks whether the list is in its normal form, and whether any of its files are in each other's way. What is unpacked of one that is not
   * does no harm, but must not be used; so this need not have been called before all parts are under way. Throws ARCHIVE_INVALID.
   */
  readonly check: () => void;
}

/**
 * Begins to unpack an archive (format.ts) into `destDir`, which is created: `files.json`, and an empty `tree/`. Returns the text of the one,
 * and the parts of which `unpackPart` makes the other: about `ways` of them, each about the same work. They can be unpacked in any order and
 * at the same time, by threads with sources of their own, because the list says where each file is.
 *
 * Nothing is written before the list has been found to be the expected one, well-formed and safe. Throws as `unpackEntry` does, with `destDir` gone.
 */
export function beginUnpacking(source: ArchiveSource, destDir: string, expected: Expected, { trusted = false, ways = 1 } = {}): Begun {
  try {
    const bytes = readList(source, expected.filesHash);
    const text = bytes.toString();
    const list = new FileList(text, 'ARCHIVE_INVALID');
    const { rows } = list;
    const size = rows.reduce((total, row) => total + row[1], 0);
    if (rows.length !== expected.count || size !== expected.size) throw invalid('the file list has another count or size than its entry');
    const isAscii = bytes.length === text.length;
    const stretches = split(rows, { at: BLOCK + bytes.length + padding(bytes.length), share: workOf(expected) / ways, isAscii });
    const texts = stretches.map(({ start, end }) => list.textOf(start, end));
    const shared = { source, destDir, trusted, chmod: createTree(destDir, bytes), isShared: stretches.length > 1 };
    const parts = stretches.map(({ at }, i) => ({ ...shared, at, rows: texts[i] ?? '', isLast: i === stretches.length - 1 }));
    return { list: text, parts, check: () => list.check() };
  } catch (error) {
    throw asUnpackError(error, destDir);
  }
}

/**
 * Unpacks a part. Every header, body and padding, and the end of the archive, must be what the list says; so when this has succeeded with
 * each part, the archive is the only one that this list has. Throws as `unpackEntry` does; then `destDir` is for the caller to remove, when nobody
 * is at work there any more. Holds no more than CHUNK bytes of a file in memory.
 */
export function unpackPart({ source, destDir, trusted, rows, at, isLast, isShared, chmod }: Part): void {
  try {
    const reader = openSource(source, at);
    try {
      const tree = TreeWriter.of(`${destDir}/tree`, { chmod, isShared });
      const members = new Members(reader, { trusted });
      for (const row of rowsOf(rows)) members.unpack(tree, fileOf(row));
      members.end(isLast);
    } finally {
      reader.close();
    }
  } catch (error) {
    throw asUnpackError(error, destDir);
  }
}

function readList(source: ArchiveSource, filesHash: string): Buffer {
  const reader = openSource(source);
  try {
    return takeList(reader, filesHash);
  } finally {
    reader.close();
  }
}

/** Creates `destDir` with the list and an empty tree; says whether what is created there needs a chmod. */
function createTree(destDir: string, list: Buffer): boolean {
  const top = TreeWriter.create(destDir);
  try {
    top.write({ path: LIST_NAME, executable: false }, (fd) => writeAll(fd, list));
    return TreeWriter.create(`${destDir}/tree`).chmod;
  } catch (error) {
    rmSync(destDir, { recursive: true, force: true });
    throw error;
  }
}

/** Rows from `start` to before `end`; the header of the first is at `at`. */
interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly at: number;
}

/** Stretches of about `share` each, none of them empty but the first of no files. `at`: where the first file's header is. `isAscii`: all paths are. */
function split(rows: readonly FileRow[], { at, share, isAscii }: { at: number; share: number; isAscii: boolean }): Stretch[] {
  const starts = [{ start: 0, at }];
  let done = 0;
  let position = at;
  rows.forEach((row, index) => {
    const size = row[1];
    const work = workOf({ size, count: 1 });
    // The border that is nearer to where it should be.
    if (done + work / 2 > share * starts.length && index > (starts.at(-1)?.start ?? 0)) starts.push({ start: index, at: position });
    done += work;
    position += headerLength(row[0], size, isAscii) + size + padding(size);
  });
  return starts.map((each, i) => ({ ...each, end: starts[i + 1]?.start ?? rows.length }));
}
