import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { PkgCacheError, systemCode } from '../errors.ts';
import type { FilePayload } from './store.ts';

/** Reads `length` bytes of a file from `start` on. Fails if the file is shorter by now than the `size` it was said to have. */
async function readPiece(label: string, { path, size }: FilePayload, start: number, length: number): Promise<Buffer> {
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

/** Reads all of a file. Fails as `filePieces`. */
export async function readWhole(label: string, file: FilePayload): Promise<Buffer> {
  for await (const whole of filePieces(label, file, Math.max(file.size, 1))) return whole;
  return Buffer.alloc(0);
}

/**
 * Reads a file in pieces of `piece` bytes (the last may be shorter), each in memory of its own. Throws ENTRY_INVALID in the place of the last piece if they
 * are not those of `digest`: whoever sends them has not ended yet, and nothing of it is visible.
 */
export async function* filePieces(label: string, file: FilePayload, piece: number): AsyncGenerator<Buffer> {
  const { size, digest } = file;
  const hash = digest && createHash(digest.algorithm);
  const check = (): void => {
    if (hash && hash.digest('hex') !== digest.hex) throw new PkgCacheError('ENTRY_INVALID', 'what was to be stored are not the bytes of its hash');
  };
  if (size === 0) check();
  for (let start = 0; start < size; start += piece) {
    const bytes = await readPiece(label, file, start, Math.min(piece, size - start));
    hash?.update(bytes);
    if (start + piece >= size) check();
    yield bytes;
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
