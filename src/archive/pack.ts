import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { serialiseFiles, type EntryFile } from '../cache/entry.ts';
import { PkgCacheError, systemCode } from '../errors.ts';
import { END, fileHeader, listHeader, padding } from './format.ts';
import { MAX_LIST, readFileList } from './list.ts';
import { ArchiveWriter } from './writer.ts';

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
    const files = checkedList(source);
    const writer = new ArchiveWriter(destFile);
    try {
      return packInto(writer, source, files);
    } catch (error) {
      rmSync(destFile, { force: true });
      throw error;
    } finally {
      writer.close();
    }
  } catch (error) {
    const code = systemCode(error);
    if (error instanceof PkgCacheError || code === undefined) throw error;
    throw new PkgCacheError('CACHE_UNUSABLE', `cannot pack into ${destFile}: ${code}`, { cause: error });
  }
}

function checkedList({ files, filesJson }: PackSource): EntryFile[] {
  if (serialiseFiles(files) !== filesJson) throw invalid('its files are not those of its files.json');
  if (Buffer.byteLength(filesJson) > MAX_LIST) throw invalid('it has too many files');
  return readFileList(filesJson, 'ENTRY_INVALID');
}

function packInto(writer: ArchiveWriter, source: PackSource, files: readonly EntryFile[]): { sha256: string; size: number } {
  const list = Buffer.from(source.filesJson);
  writer.write(listHeader(list.length));
  writer.write(list);
  writer.write(END.subarray(0, padding(list.length)));
  for (const file of files) packFile(writer, source.treeDir, file);
  writer.write(END);
  return writer.finish();
}

function packFile(writer: ArchiveWriter, treeDir: string, file: EntryFile): void {
  writer.write(fileHeader(file));
  const fd = openFile(`${treeDir}/${file.path}`, file);
  try {
    copyVerified(fd, file, writer);
  } finally {
    closeSync(fd);
  }
  writer.write(END.subarray(0, padding(file.size)));
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
function copyVerified(fd: number, file: EntryFile, writer: ArchiveWriter): void {
  const digest = createHash('sha256');
  for (let left = file.size; left > 0; ) {
    const space = writer.space();
    const length = readSync(fd, space, 0, Math.min(left, space.length), null);
    if (length === 0) throw invalid(`${file.path} has become shorter`);
    digest.update(space.subarray(0, length));
    writer.advance(length);
    left -= length;
  }
  if (digest.digest('hex') !== file.sha256) throw invalid(`the bytes of ${file.path} have another hash than the list says`);
}

function invalid(message: string, cause?: unknown): PkgCacheError {
  return new PkgCacheError('ENTRY_INVALID', `the entry cannot be packed: ${message}`, { cause });
}
