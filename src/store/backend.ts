import type { Listed, Payload, Range, StoredObject } from './store.ts';

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
  get(key: string, signal: AbortSignal, range?: Range): Promise<StoredObject | undefined>;
  create(key: string, payload: Payload, watch: Watch): Promise<'created' | 'exists'>;
  list(prefix: string, query: ListQuery, signal: AbortSignal): Promise<RawPage>;
  remove(key: string, signal: AbortSignal): Promise<void>;
  tidy(watch: Watch): Promise<number>;
  now(signal: AbortSignal): Promise<number>;
  close(): void;
}

export interface ListQuery {
  readonly after: string | undefined;
  readonly limit: number;
}

/** What the store says is there: nobody has looked at the keys yet. */
export interface RawPage {
  readonly objects: readonly Listed[];
  readonly more: boolean;
}

/** Bytes in a payload, or what a stream will not exceed. */
export function payloadSize(payload: Payload): number {
  if (payload instanceof Uint8Array) return payload.byteLength;
  return 'pieces' in payload ? payload.atMost : payload.size;
}
