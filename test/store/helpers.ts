import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { PkgCacheError, type ErrorCode } from '../../src/errors.ts';
import type { Store } from '../../src/store/store.ts';

/** Long enough to build an S3 server, which happens once per checkout. */
export const BUILD_MS = 15 * 60_000;

/** A directory of the test's own, and what removes it. */
export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'pkg-cache-store-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** All bytes of an object, or undefined if there is none. */
export async function read(store: Store, key: string): Promise<Buffer | undefined> {
  const object = await store.get(key);
  return object && (await buffer(object.body));
}

/** What came of `work`: `ok`, or the code that it failed with. */
export async function outcome(work: Promise<unknown>): Promise<'ok' | ErrorCode> {
  return await work.then(
    () => 'ok' as const,
    (error: unknown) => {
      if (error instanceof PkgCacheError) return error.code;
      throw error;
    },
  );
}

/** The error that `work` fails with. */
export async function failure(work: Promise<unknown>): Promise<PkgCacheError> {
  return await work.then(
    () => Promise.reject(new Error('did not fail')),
    (error: unknown) => error as PkgCacheError,
  );
}
