import { isAbsolute, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PkgCacheError } from '../errors.ts';
import type { Backend } from './backend.ts';
import type { CircuitState } from './circuit.ts';
import { openDirectory } from './directory.ts';
import { memoryFacts, type StoreFacts } from './facts.ts';
import { isKey } from './key.ts';
import { resilient } from './resilient.ts';
import type { Store } from './store.ts';

export interface OpenOptions {
  /** The environment that the S3 settings (`AWS_*`) are read from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of this location: a circuit that another store opened says nothing about this one. */
  readonly circuit: CircuitState;
  /** What is known of this location. Not given: what is found out is forgotten with the process. */
  readonly facts?: StoreFacts | undefined;
}

const HINT = 'use s3://bucket/prefix, an absolute path, or a file:// URL';

/** As S3 and its compatibles name buckets; older ones have capitals and underscores. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;

/**
 * Opens the store at `location`: `s3://bucket[/prefix]`, an absolute path, or a `file://` URL. Nothing is asked of it yet.
 * Throws CONFIG for anything else, without echoing it (a location may hold a credential that belongs elsewhere).
 */
export async function openStore(location: string, { env, circuit, facts = memoryFacts() }: OpenOptions): Promise<Store> {
  return resilient(await openBackend(location, env, facts), { circuit });
}

async function openBackend(location: string, env: OpenOptions['env'], facts: StoreFacts): Promise<Backend> {
  if (isAbsolute(location)) return openDirectory(normalize(location));
  if (location.startsWith('file://')) return openDirectory(fileLocation(location));
  if (!location.startsWith('s3://')) throw new PkgCacheError('CONFIG', 'the store is neither S3 nor a directory', { hint: HINT });
  const where = s3Location(location);
  // The SDK costs tens of milliseconds to load, and a directory needs none of it.
  const { openS3 } = await import('./s3.ts');
  return await openS3(where, env, facts);
}

function fileLocation(location: string): string {
  try {
    return normalize(fileURLToPath(location));
  } catch (cause) {
    throw new PkgCacheError('CONFIG', 'the store is a file:// URL that names no local directory', { hint: HINT, cause });
  }
}

function s3Location(location: string): { bucket: string; prefix: string } {
  const [bucket = '', ...rest] = location.slice('s3://'.length).split('/');
  const prefix = rest.filter((segment) => segment !== '').join('/');
  if (!BUCKET.test(bucket) || (prefix !== '' && !isKey(prefix))) {
    throw new PkgCacheError('CONFIG', 'the store is an s3:// location without a proper bucket and prefix', {
      hint: 'use s3://bucket/prefix; credentials and endpoint come from the AWS settings',
    });
  }
  return { bucket, prefix };
}
