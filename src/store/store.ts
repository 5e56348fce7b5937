import type { Readable } from 'node:stream';

/** Bytes to be stored: in memory, a file that is read as it is sent (and again when a try is repeated), or pieces as they are made. */
export type Payload = Uint8Array | FilePayload | StreamPayload;

export interface FilePayload {
  readonly path: string;
  readonly size: number;
  /** What its bytes must hash to (hex). They are hashed as they are read, and the object does not come to be if they do not: `create` throws ENTRY_INVALID. */
  readonly digest?: Digest;
}

export interface Digest {
  readonly algorithm: 'sha256' | 'sha512';
  readonly hex: string;
}

/** Pieces of any length that nobody knows the sum of yet. */
export interface StreamPayload {
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Bytes that they will not exceed; S3 has to know how large the parts must be. */
  readonly atMost: number;
}

/** A part of an object, in bytes from its start. */
export interface Range {
  readonly start: number;
  readonly length: number;
}

/** An object as a listing shows it. */
export interface Listed {
  readonly key: string;
  readonly size: number;
  /** When it was created, in epoch milliseconds by the store's clock. */
  readonly modified: number;
  /** What is another one when the object is: its ETag. Undefined where the store has none. */
  readonly tag?: string | undefined;
}

/** A page of a listing, in the order of keys (by byte). */
export interface Page {
  readonly objects: readonly Listed[];
  /** What to ask for the next page with, as `after`; undefined: there is none. */
  readonly next: string | undefined;
}

export interface ListOptions {
  /** Only keys behind this one. */
  readonly after?: string | undefined;
  /** Objects in a page, at most 1000 (which is the default, and what S3 gives). */
  readonly limit?: number | undefined;
}

/** An object's bytes, or those of the range that was asked for, on their way in. `body` fails with a PkgCacheError when the store stalls or breaks off. */
export interface StoredObject {
  readonly size: number;
  readonly body: Readable;
}

/**
 * Where entries are shared: S3, or a directory. Keys are `/`-separated, made of URL-safe characters, and never hold a credential.
 *
 * Two answers are not errors: `undefined` from `get` (no such key) and `'exists'` from `create` (somebody was first).
 * Everything else that goes wrong is a PkgCacheError with code STORE_UNAVAILABLE or STORE_DENIED.
 */
export interface Store {
  /** How messages name this store; never holds a credential. */
  readonly label: string;
  /** Throws ARCHIVE_INVALID for a range that the object does not have, or when the store ignores ranges. */
  get(key: string, range?: Range): Promise<StoredObject | undefined>;
  /** Creates an object; one that exists already is left as it is. */
  create(key: string, payload: Payload): Promise<'created' | 'exists'>;
  /** The objects whose keys begin with `prefix`, a page at a time. What was created a moment ago may be missing. */
  list(prefix: string, options?: ListOptions): Promise<Page>;
  /** Removes an object; one that is not there is fine. */
  remove(key: string): Promise<void>;
  /** Throws away what writers that were killed a day ago have left half done, and says how many there were. */
  tidy(): Promise<number>;
  /** Whole epoch milliseconds by the store's own clock, so that workers agree on the time; by ours where that cannot be told. */
  now(): Promise<number>;
  /** Releases sockets, so that the process can end. */
  close(): void;
}
