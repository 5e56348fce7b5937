import { expectedOf } from '../archive/parts.ts';
import type { ArchiveSource } from '../archive/source.ts';
import { unpackEntry } from '../archive/unpack.ts';
import { entryId, type Entry, type EntryKey } from '../cache/entry.ts';
import type { LocalCache } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import type { Makers } from './makers.ts';

/** What an entry is to be made of. Plain values: it may be done in another thread, which sees shared memory as we do. */
export type Unpacking =
  /**
   * An archive of its files. Where the hash of the whole is known (hex), that is compared; where it has been (`trusted`), nothing is;
   * else every file is compared with the manifest.
   */
  | { readonly kind: 'archive'; readonly entry: Entry; readonly source: ArchiveSource; readonly trusted?: boolean }
  | { readonly kind: 'archive'; readonly entry: Entry; readonly source: { readonly bytes: Uint8Array }; readonly sha256: string }
  /** What its registry has; `meta` is what another worker has found out about it. */
  | { readonly kind: 'original'; readonly key: EntryKey; readonly meta: unknown; readonly bytes: Uint8Array };

/** Makes entries of what was received, and publishes them. */
export interface Unpacker {
  /** Says that about so many bytes will come, so that what takes time to start can start now. */
  expect(bytes: number): void;
  /**
   * Bytes must stay as they are until this has settled. Throws ARCHIVE_INVALID for what is not what it should be, CACHE_UNUSABLE or the
   * system's error where it cannot be written.
   */
  unpack(unpacking: Unpacking): Promise<void>;
  /** Nothing may be under way. */
  close(): void;
}

/** Does it where it is called. */
export function unpacksHere(cache: LocalCache, makers: Makers): Unpacker {
  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws is a rejection
  return { expect: () => undefined, unpack: async (unpacking) => unpack(cache, makers, unpacking), close: () => undefined };
}

/** As `Unpacker.unpack`. */
export function unpack(cache: LocalCache, makers: Makers, unpacking: Unpacking): void {
  if (unpacking.kind === 'original') return remake(cache, makers, unpacking);
  const { entry, source } = unpacking;
  assertPacked(entry);
  const trusted = 'sha256' in unpacking || unpacking.trusted === true;
  if ('sha256' in unpacking && sha256(unpacking.source.bytes) !== unpacking.sha256) {
    throw new PkgCacheError('ARCHIVE_INVALID', `an archive's bytes are not those of ${unpacking.sha256}`);
  }
  const staging = cache.stage(entry.key);
  try {
    // Whoever made an archive had hashed every file. To hash the same bytes twice would take longer than all the rest.
    unpackEntry(source, staging.dir, expectedOf(entry), { trusted });
    staging.publishEntry(entry);
  } finally {
    staging.discard();
  }
}

/**
 * An entry that is made of an archive as its registry has it is made of nothing else: what somebody has packed under its key nobody could compare with the
 * hash in a lockfile. Throws ARCHIVE_INVALID.
 */
export function assertPacked({ key, archive }: Entry): void {
  if (archive.sha512 !== undefined) throw new PkgCacheError('ARCHIVE_INVALID', `what is stored of ${key.name} is not its archive as its registry has it`);
}

function remake(cache: LocalCache, makers: Makers, { key, meta, bytes }: Unpacking & { kind: 'original' }): void {
  const make = makers[key.ecosystem];
  if (!make) throw new PkgCacheError('ARCHIVE_INVALID', `nobody here can make an entry of ${key.name}`);
  const made = make(cache, key, meta, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (made.id !== entryId(key)) throw new PkgCacheError('ARCHIVE_INVALID', `another entry than ${key.name} came out of its archive`);
}
