import { open, type FileHandle } from 'node:fs/promises';
import { PkgCacheError, systemCode } from '../errors.ts';

interface File {
  readonly path: string;
  readonly size: number;
}

/** Reads `length` bytes of a file from `start` on. Fails if the file is shorter by now than the `size` it was said to have. */
export async function readPiece(label: string, { path, size }: File, start: number, length: number): Promise<Buffer> {
  const file = await openFile(label, path);
  try {
    const buffer = Buffer.allocUnsafeSlow(length);
    for (let filled = 0; filled < length; ) {
      const { bytesRead } = await file.read(buffer, filled, length - filled, start + filled);
      if (bytesRead === 0) throw new PkgCacheError('CACHE_UNUSABLE', `store ${label}: the file to be stored is shorter than ${size} bytes`);
      filled += bytesRead;
    }
    return buffer;
  } finally {
    await file.close();
  }
}

/** Reads a file in pieces of `piece` bytes (the last may be shorter), each in memory of its own. */
export async function* filePieces(label: string, file: File, piece: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < file.size; start += piece) {
    yield await readPiece(label, file, start, Math.min(piece, file.size - start));
  }
}

/** A file of ours that cannot be read says nothing about the store, and must not look like it. */
async function openFile(label: string, path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw new PkgCacheError('CACHE_UNUSABLE', `store ${label}: the file to be stored cannot be read (${systemCode(error) ?? 'unknown'})`, { cause: error });
  }
}
