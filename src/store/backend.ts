import type { Payload, StoredObject } from './store.ts';

/** How a running `create` is watched: whoever started it may give it up, and hears how far it got. */
export interface Watch {
  readonly signal: AbortSignal;
  /** The store answered, and has taken `sent` bytes of the payload so far. */
  progress(sent: number): void;
}

/**
 * A place that holds objects, without any patience of its own: it does one try and waits as long as it is let.
 * `resilient` makes a Store of it. Failures are PkgCacheErrors made by `failure.ts`.
 */
export interface Backend {
  readonly label: string;
  get(key: string, signal: AbortSignal): Promise<StoredObject | undefined>;
  create(key: string, payload: Payload, watch: Watch): Promise<'created' | 'exists'>;
  close(): void;
}

/** Bytes in a payload. */
export function payloadSize(payload: Payload): number {
  return payload instanceof Uint8Array ? payload.byteLength : payload.size;
}
