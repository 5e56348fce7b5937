import { PkgCacheError } from '../errors.ts';
import type { Backend } from './backend.ts';
import type { CircuitState } from './circuit.ts';
import { openDirectory } from './directory.ts';
import type { StoreFacts } from './facts.ts';
import { parseLocation } from './location.ts';
import type { Way } from './s3-network.ts';
import type { S3Settings } from './s3-options.ts';
import { resilient } from './resilient.ts';
import type { Store } from './store.ts';

export interface OpenOptions {
  /** The environment that the S3 settings (`AWS_*`) are read from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of this location: a circuit that another store opened says nothing about this one. */
  readonly circuit: CircuitState;
  /** What is known of this location. Not given: what is found out is forgotten with the process. */
  readonly facts?: StoreFacts | undefined;
  /** Our own settings about S3. */
  readonly settings?: S3Settings | undefined;
}

/**
 * Opens the store at `location`: `s3://bucket[/prefix]`, an absolute path, or a `file://` URL. Nothing is asked of it yet.
 * Throws CONFIG for anything else, without echoing it (a location may hold a credential that belongs elsewhere).
 */
export async function openStore(location: string, { env, circuit, ...options }: OpenOptions): Promise<Store> {
  return resilient(await openBackend(location, env, options), { circuit });
}

/** How requests go to a store in a bucket; undefined for a directory. Throws CONFIG. */
export async function wayToStore(location: string, env: OpenOptions['env'], settings: S3Settings): Promise<Way | undefined> {
  const parsed = parseLocation(location);
  if (parsed === undefined || parsed.kind === 'directory') return undefined;
  const { wayToBucket } = await import('./s3.ts');
  return await wayToBucket(env, parsed.bucket, settings);
}

async function openBackend(text: string, env: OpenOptions['env'], options: Pick<OpenOptions, 'facts' | 'settings'>): Promise<Backend> {
  const location = parseLocation(text);
  if (location === undefined) {
    throw new PkgCacheError('CONFIG', 'the store is neither S3 nor a directory', {
      hint: 'use s3://bucket/prefix (credentials and endpoint come from the AWS settings), an absolute path, or a file:// URL',
    });
  }
  if (location.kind === 'directory') return openDirectory(location.path);
  // The SDK costs tens of milliseconds to load, and a directory needs none of it.
  const { openS3 } = await import('./s3.ts');
  return await openS3(location, env, options);
}
