import { createHash, hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/** Hex SHA-256 of a string (as UTF-8) or of bytes. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

/** Hex SHA-512 of bytes. */
export function sha512(data: Uint8Array): string {
  return hash('sha512', data, 'hex');
}

/** SHA-256 as RECORD files write it (PEP 376, PEP 427): URL-safe base64 without padding. */
export function sha256Base64Url(data: string | Uint8Array): string {
  return hash('sha256', data, 'base64url');
}

const buffer = Buffer.allocUnsafe(1 << 20);

/** Hex SHA-256 of a file, read in pieces. Throws the system error. */
export function sha256File(path: string): string {
  return hashFile('sha256', path);
}

/** Hex SHA-512 of a file, as `sha256File`. */
export function sha512File(path: string): string {
  return hashFile('sha512', path);
}

function hashFile(algorithm: string, path: string): string {
  const hash = createHash(algorithm);
  const fd = openSync(path, 'r');
  try {
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) hash.update(buffer.subarray(0, read));
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}
