import type { Readable } from 'node:stream';

/** Bytes to be stored: in memory, or a file that is read as it is sent (and again when a try is repeated). */
export type Payload = Uint8Array | { readonly path: string; readonly size: number };

/** An object's bytes on their way in. `body` fails with a PkgCacheError when the store stalls or breaks off. */
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
  get(key: string): Promise<StoredObject | undefined>;
  /** Creates an object; one that exists already is left as it is. */
  create(key: string, payload: Payload): Promise<'created' | 'exists'>;
  /** Releases sockets, so that the process can end. */
  close(): void;
}
