import { PkgCacheError } from '../errors.ts';
import { sha256 } from '../hash.ts';

/** Version of the layout of keys, entries and objects. A reader ignores what another version wrote. */
export const LAYOUT = 1;

/**
 * What identifies an entry: everything a request knows before it has seen any bytes.
 * `name` and `version` are in their ecosystem's normal form. `platform` says what the files depend on,
 * `origin` is a fingerprint of the index configuration; neither holds a credential.
 */
export interface EntryKey {
  readonly ecosystem: 'pip' | 'npm';
  readonly name: string;
  readonly version: string;
  readonly platform: string;
  readonly origin: string;
}

/** One file of an entry. `path` is relative to the entry's tree, `/`-separated. */
export interface EntryFile {
  readonly path: string;
  readonly size: number;
  /** Hex SHA-256 of the bytes. */
  readonly sha256: string;
  readonly executable: boolean;
  /** Whole seconds since the epoch, or undefined where the file's time does not matter. */
  readonly mtime?: number;
}

/** The archive (wheel, sdist, tarball) that an entry was installed from. */
export interface Archive {
  readonly filename: string;
  /** Hex SHA-256, as the index gave it and the installer verified it. */
  readonly sha256: string;
  /** Hex SHA-512, of an archive that travels itself: it lies beside the entry's tree, and in the store under this name. */
  readonly sha512?: string;
}

/** What `entry.json` holds: all that is needed to decide on a hit without touching the files. */
export interface Entry<Meta = unknown> {
  readonly layout: typeof LAYOUT;
  readonly key: EntryKey;
  /** The version as its ecosystem writes it (`3.0.0`); the key has it in normal form (`3`). */
  readonly version: string;
  readonly archive: Archive;
  /** Sum of the file sizes, in bytes. */
  readonly size: number;
  /** Number of files. */
  readonly count: number;
  /** Hex SHA-256 of the serialised file list (`files.json`). */
  readonly files: string;
  /** What the ecosystem has to know to place the entry; opaque to the cache and the store. */
  readonly meta: Meta;
}

/** The name of an entry's directory: hex SHA-256 over the layout version and the key's parts. */
export function entryId(key: EntryKey): string {
  const parts = [LAYOUT, key.ecosystem, key.name, key.version, key.platform, key.origin];
  return sha256(JSON.stringify(parts));
}

/** The bytes of `files.json`. Paths are sorted by code unit, so that equal trees give equal bytes. */
export function serialiseFiles(files: readonly EntryFile[]): string {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return JSON.stringify(sorted.map((f) => [f.path, f.size, f.sha256, f.executable ? 1 : 0, f.mtime ?? null]));
}

/** A file as `files.json` has it: path, size, hash, 1 if executable, time. */
export type FileRow = [string, number, string, 0 | 1, number | null];

/** The file of a row. */
export function fileOf([path, size, sha256, executable, mtime]: FileRow): EntryFile {
  // Not one from the other: to copy an object takes many times as long as to make one.
  return mtime === null ? { path, size, sha256, executable: executable === 1 } : { path, size, sha256, executable: executable === 1, mtime };
}

/** Reads what `serialiseFiles` wrote. Throws on anything else; whoever calls it has checked the hash before. */
export function parseFiles(text: string): EntryFile[] {
  const rows: unknown = JSON.parse(text);
  if (!Array.isArray(rows) || !rows.every(isRow)) throw new PkgCacheError('ENTRY_INVALID', 'the file list has something other than rows');
  return rows.map(fileOf);
}

/** By index, as `fileOf` takes it apart: there may be tens of thousands. */
function isRow(row: unknown): row is FileRow {
  if (!Array.isArray(row)) return false;
  const mtime: unknown = row[4];
  return typeof row[0] === 'string' && typeof row[1] === 'number' && typeof row[2] === 'string' && (mtime === null || typeof mtime === 'number');
}
