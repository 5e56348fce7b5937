import { gunzipSync } from 'node:zlib';
import { invalid } from '../../archive/failure.ts';
import { openSource, type Reader } from '../../archive/source.ts';
import { InflatingReader } from './inflate.ts';

/** More than any package is, in bytes: what is larger is left to npm. */
const MAX_SIZE = 2 ** 31;
/** node-tar aborts at 1000 (parse.js, maxDecompressionRatio), chunk by chunk; packages reach 30. */
const MAX_RATIO = 200;
/** Below this many bytes no ratio is suspicious. */
const SMALL = 1 << 16;

/** A gzip header, an empty block, and the trailer. */
const MIN_LENGTH = 20;

/** A tar that is read from the front to the back, as often as need be. */
export interface Tar {
  /** In bytes. */
  readonly size: number;
  /** Its methods throw ARCHIVE_INVALID. */
  readonly open: () => Reader;
}

/**
 * The tar in a tarball that is one gzip member and nothing else (RFC 1952), of the size that its trailer gives. With up to `inMemory` bytes
 * it is decompressed here and now; a larger one as it is read, each time anew. Throws ARCHIVE_INVALID for everything else, or has the reader do
 * so, by its end at the latest: what is no gzip or damaged, several members, bytes after the end, and bombs. (node-tar also takes
 * plain tar and zstd; npm does not publish those.)
 */
export function gunzip(tgz: Uint8Array, inMemory: number): Tar {
  const size = sizeOf(tgz);
  if (size > inMemory) return { size, open: () => new InflatingReader(tgz, size) };
  // One byte of room tells zlib that there is no need for a second chunk.
  const bytes = inflate(tgz, Math.max(size + 1, 64), Math.max(size, 1));
  // The size of a last member is not that of all, nor is it that of what trails behind the last one.
  if (bytes.length !== size) throw invalid('the tarball is more than one gzip member');
  return { size, open: () => openSource({ bytes }) };
}

/** What the trailer says, if that can be. */
function sizeOf(tgz: Uint8Array): number {
  const { byteLength } = tgz;
  if (byteLength < MIN_LENGTH || tgz[0] !== 0x1f || tgz[1] !== 0x8b) throw invalid('the tarball is not gzip');
  const size = new DataView(tgz.buffer, tgz.byteOffset, byteLength).getUint32(byteLength - 4, true);
  if (size > MAX_SIZE) throw invalid('the tarball is too large');
  if (size > SMALL && size / byteLength > MAX_RATIO) throw invalid('the tarball decompresses to far more than it is');
  return size;
}

function inflate(tgz: Uint8Array, chunkSize: number, maxOutputLength: number): Buffer {
  try {
    return gunzipSync(tgz, { chunkSize, maxOutputLength });
  } catch (cause) {
    throw invalid('the tarball cannot be decompressed', cause);
  }
}
