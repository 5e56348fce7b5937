import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, utimesSync, writeSync } from 'node:fs';
import { PkgCacheError } from '../../errors.ts';

const buffer = Buffer.allocUnsafe(1 << 20);

/** What a file was like when it was copied. */
export interface Copied {
  readonly size: number;
  readonly digest: Buffer;
  readonly executable: boolean;
  readonly mtimeMs: number;
  /** When it was last changed in any way, in nanoseconds, as of when it had been read. */
  readonly ctimeNs: bigint;
}

/**
 * Copies a regular file into a new one, hashing (SHA-256) the very bytes that it writes, with the modes of an entry, and its time in seconds.
 * Throws ENTRY_INVALID for anything but a regular file, and the system's error.
 */
export function copyHashed(source: string, target: string): Copied {
  const from = openSync(source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(from);
    if (!stat.isFile()) throw new PkgCacheError('ENTRY_INVALID', `${source} is not a regular file`);
    const executable = (stat.mode & 0o111) !== 0;
    const { size, digest } = pour(from, target, executable ? 0o755 : 0o644);
    utimesSync(target, Math.trunc(stat.mtimeMs / 1000), Math.trunc(stat.mtimeMs / 1000));
    return { size, digest, executable, mtimeMs: stat.mtimeMs, ctimeNs: fstatSync(from, { bigint: true }).ctimeNs };
  } finally {
    closeSync(from);
  }
}

function pour(from: number, target: string, mode: number): { size: number; digest: Buffer } {
  const hash = createHash('sha256');
  const to = openSync(target, 'wx', mode);
  try {
    let size = 0;
    for (let read = readSync(from, buffer); read > 0; read = readSync(from, buffer)) {
      const chunk = buffer.subarray(0, read);
      hash.update(chunk);
      for (let written = 0; written < read; ) written += writeSync(to, chunk, written);
      size += read;
    }
    return { size, digest: hash.digest() };
  } finally {
    closeSync(to);
  }
}
