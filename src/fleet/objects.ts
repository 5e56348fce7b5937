import { LAYOUT, entryId, type Entry, type EntryKey } from '../cache/entry.ts';
import { PkgCacheError } from '../errors.ts';
import { ENTRY, ENTRY_KEY } from '../manifest.ts';
import { asA, count, hash256, object, type Shape } from '../shape.ts';
import { isKey } from '../store/key.ts';
import { seal, unseal } from './seal.ts';

/**
 * How entries lie in a store.
 *
 *     v1/<ecosystem>/<platform>/<origin>/<name>/<version>   pointer: the entry's manifest, and which archive holds its files
 *     v1/archives/<2 hex>/<sha256>.tar                      archive (piptar), named by its own hash
 *     v1/originals/<2 hex>/<sha512>                         an archive as its registry has it (npm), which needs no pointer
 *
 * The archive is created first, the pointer last: a pointer that can be read leads to something whole. Both are created once.
 * A pointer is one line with the hex SHA-256 of what follows, and a JSON document.
 */
export interface Pointer<Meta = unknown> {
  readonly entry: Entry<Meta>;
  readonly archive: { readonly sha256: string; readonly size: number };
}

/** Pointers are small; whatever is larger is no pointer. In bytes. */
export const MAX_POINTER = 4 << 20;

/** The key of an entry's pointer. `!` of a PEP 440 epoch is not safe in URLs, and `~` occurs in no version. */
export function pointerKey({ ecosystem, platform, origin, name, version }: EntryKey): string {
  return ['v' + String(LAYOUT), ecosystem, platform, origin, name, version.replace('!', '~')].join('/');
}

/** The key of an archive with the given hex SHA-256. */
export function archiveKey(hash: string): string {
  return `v${LAYOUT}/archives/${hash.slice(0, 2)}/${hash}.tar`;
}

/** The key of an archive of a registry, with the given hex SHA-512. */
export function originalKey(sha512: string): string {
  return `v${LAYOUT}/originals/${sha512.slice(0, 2)}/${sha512}`;
}

/** The bytes of a pointer object. */
export function encodePointer(pointer: Pointer): Buffer {
  return seal(pointer);
}

/** Reads a pointer that was stored under `key`. Throws ARCHIVE_INVALID when it is damaged, or the pointer of something else. */
export function decodePointer<Meta>(bytes: Buffer, key: EntryKey): Pointer<Meta> {
  const value = unseal(bytes);
  if (value === undefined) throw invalid(key, 'is damaged');
  const pointer = asA(POINTER, value, 'ARCHIVE_INVALID', `the pointer ${pointerKey(key)}`);
  if (entryId(pointer.entry.key) !== entryId(key)) throw invalid(key, 'is of another entry');
  if (pointer.entry.size > pointer.archive.size) throw invalid(key, 'names an archive that is smaller than its files');
  return pointer as Pointer<Meta>;
}

const POINTER = object<Pointer>({ entry: ENTRY, archive: object({ sha256: hash256, size: count }) });

/** The key of an entry that could lie in a store. */
export const STORED_KEY: Shape<EntryKey> = (value) => ENTRY_KEY(value) ?? (isKey(pointerKey(value as EntryKey)) ? undefined : 'is no key of an entry');

function invalid(key: EntryKey, what: string): PkgCacheError {
  return new PkgCacheError('ARCHIVE_INVALID', `the pointer ${pointerKey(key)} ${what}`);
}
