import { LAYOUT, entryId, type Entry, type EntryKey } from '../cache/entry.ts';
import { PkgCacheError } from '../errors.ts';
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
  const pointer = unseal(bytes) as Pointer<Meta> | null | undefined;
  if (pointer === undefined) throw invalid(key, 'is damaged');
  const { entry, archive } = pointer ?? {};
  if (entry?.layout !== LAYOUT || !entry.key || entryId(entry.key) !== entryId(key)) throw invalid(key, 'is of another entry');
  if (!pointer || !isHash(archive?.sha256) || !isSize(archive?.size)) throw invalid(key, 'names no archive');
  return pointer;
}

/** Whether a value is a hex SHA-256. */
export function isHash(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

/** Whether a value is a number of bytes, or of whatever can be counted. */
export function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether a value is the key of an entry that could lie in a store. */
export function isEntryKey(value: unknown): value is EntryKey {
  const { ecosystem, name, version, platform, origin } = (value ?? {}) as Partial<Record<keyof EntryKey, unknown>>;
  const parts = [ecosystem, name, version, platform, origin];
  return parts.every((part) => typeof part === 'string') && (ecosystem === 'pip' || ecosystem === 'npm') && isKey(pointerKey(value as EntryKey));
}

function invalid(key: EntryKey, what: string): PkgCacheError {
  return new PkgCacheError('ARCHIVE_INVALID', `the pointer ${pointerKey(key)} ${what}`);
}
