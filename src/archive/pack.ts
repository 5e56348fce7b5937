import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { serialiseFiles, type EntryFile } from '../cache/entry.ts';
import { PkgCacheError, systemCode } from '../errors.ts';
import { END, fileHeader, listHeader, padding } from './format.ts';
import { MAX_LIST, readFileList } from './list.ts';
import { Pieces } from './pieces.ts';
import { writeAll } from './tree.ts';

/** An entry on disk: its list, the list's bytes, and the directory that holds the files. */
export interface PackSource {
  readonly files: readonly EntryFile[];
  readonly filesJson: string;
  readonly treeDir: string;
}

/**
 * Packs an entry into a new file (format.ts) and returns the file's hex SHA-256 and its size in bytes. Holds no more
 * than a few CHUNKs in memory.
 *
 * Every file is hashed on its way and compared with the list, because that a file exists does not mean that it is
 * whole; and the list must be one that `unpackEntry` accepts. Throws a PkgCacheError, with `destFile` gone:
 * ENTRY_INVALID when the entry is not what its list says, CACHE_UNUSABLE when the system failed. A `destFile`
 * that was there before is left alone.
 */
export function packEntry(source: PackSource, destFile: string): { sha256: string; size: number } {
  try {
    const digest = createHash('sha256');
    let size = 0;
    const fd = openSync(destFile, 'wx', 0o644);
    try {
      for (const piece of packPieces(source)) {
        digest.update(piece);
        writeAll(fd, piece);
        size += piece.length;
      }
    } catch (error) {
      rmSync(destFile, { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
    return { sha256: digest.digest('hex'), size };
  } catch (error) {
    const code = systemCode(error);
    if (error instanceof PkgCacheError || code === undefined) throw error;
    throw new PkgCacheError('CACHE_UNUSABLE', `cannot pack into ${destFile}: ${code}`, { cause: error });
  }
}

/**
 * The bytes of the archive that `packEntry` would make, for who sends them on as they are made. Throws as `packEntry`
 * does when the entry is not what its list says (the pieces so far are then worth nothing), or the system's error.
 */
export function* packPieces(source: PackSource): Generator<Buffer> {
  const files = checkedList(source);
  const pieces = new Pieces();
  const list = Buffer.from(source.filesJson);
  pieces.write(listHeader(list.length));
  pieces.write(list);
  pieces.write(END.subarray(0, padding(list.length)));
  for (const file of files) yield* packFile(pieces, source.treeDir, file);
  pieces.write(END);
  yield* pieces.rest();
}

function checkedList({ files, filesJson }: PackSource): EntryFile[] {
  if (serialiseFiles(files) !== filesJson) throw invalid('its files are not those of its files.json');
  if (Buffer.byteLength(filesJson) > MAX_LIST) throw invalid('it has too many files');
  return readFileList(filesJson, 'ENTRY_INVALID');
}

function* packFile(pieces: Pieces, treeDir: string, file: EntryFile): Generator<Buffer> {
  pieces.write(fileHeader(file));
  const fd = openFile(`${treeDir}/${file.path}`, file);
  try {
    yield* copyVerified(fd, file, pieces);
  } finally {
    closeSync(fd);
  }
  pieces.write(END.subarray(0, padding(file.size)));
  yield* pieces.full();
}

/** What opening gives for a path that is not a regular file (any more). */
const NOT_THE_FILE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO']);

/** Opens a regular file of the expected size; does not follow a link, nor wait for a FIFO. */
function openFile(path: string, file: EntryFile): number {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (!NOT_THE_FILE.has(systemCode(cause) ?? '')) throw cause;
    throw invalid(`${file.path} is missing or not a file`, cause);
  }
  const stat = fstatSync(fd);
  if (stat.isFile() && stat.size === file.size) return fd;
  closeSync(fd);
  throw invalid(`${file.path} is not a file of ${file.size} bytes`);
}

/** Copies `file.size` bytes and compares their hash with the list. */
function* copyVerified(fd: number, file: EntryFile, pieces: Pieces): Generator<Buffer> {
  const digest = createHash('sha256');
  for (let left = file.size; left > 0; ) {
    const space = pieces.space();
    const length = readSync(fd, space, 0, Math.min(left, space.length), null);
    if (length === 0) throw invalid(`${file.path} has become shorter`);
    digest.update(space.subarray(0, length));
    pieces.advance(length);
    left -= length;
    yield* pieces.full();
  }
  if (digest.digest('hex') !== file.sha256) throw invalid(`the bytes of ${file.path} have another hash than the list says`);
}

function invalid(message: string, cause?: unknown): PkgCacheError {
  return new PkgCacheError('ENTRY_INVALID', `the entry cannot be packed: ${message}`, { cause });
}
