import { gunzipSync } from 'node:zlib';
import { invalid } from '../../archive/failure.ts';

/** More than any package is, in bytes: what is larger is left to npm. */
const MAX_SIZE = 2 ** 31;
/** node-tar aborts at 1000 (parse.js, maxDecompressionRatio), chunk by chunk; packages reach 30. */
const MAX_RATIO = 200;
/** Below this many bytes no ratio is suspicious. */
const SMALL = 1 << 16;

/** A gzip header, an empty block, and the trailer. */
const MIN_LENGTH = 20;

/**
 * Decompresses a tarball that is one gzip member and nothing else (RFC 1952), into one buffer of the size that its
 * trailer gives. Throws ARCHIVE_INVALID for everything else: what is no gzip or damaged, several members, bytes after
 * the end, and bombs. (node-tar also takes plain tar and zstd; npm does not publish those.)
 */
export function gunzip(tgz: Uint8Array): Buffer {
  const { byteLength } = tgz;
  if (byteLength < MIN_LENGTH || tgz[0] !== 0x1f || tgz[1] !== 0x8b) throw invalid('the tarball is not gzip');
  const size = new DataView(tgz.buffer, tgz.byteOffset, byteLength).getUint32(byteLength - 4, true);
  if (size > MAX_SIZE) throw invalid('the tarball is too large');
  if (size > SMALL && size / byteLength > MAX_RATIO) throw invalid('the tarball decompresses to far more than it is');
  // One byte of room tells zlib that there is no need for a second chunk.
  const tar = inflate(tgz, Math.max(size + 1, 64), Math.max(size, 1));
  // The size of a last member is not that of all, nor is it that of what trails behind the last one.
  if (tar.length !== size) throw invalid('the tarball is more than one gzip member');
  return tar;
}

function inflate(tgz: Uint8Array, chunkSize: number, maxOutputLength: number): Buffer {
  try {
    return gunzipSync(tgz, { chunkSize, maxOutputLength });
  } catch (cause) {
    throw invalid('the tarball cannot be decompressed', cause);
  }
}
