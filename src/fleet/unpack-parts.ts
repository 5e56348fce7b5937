import { beginUnpacking, expectedOf, workOf, type Part } from '../archive/parts.ts';
import type { LocalCache } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import { assertPacked, type Unpacking } from './unpacker.ts';

/** Less work than this (see `workOf`) is done by one thread before it has been shared out. */
const WORTH_PARTS = 16 << 20;

export type ArchiveUnpacking = Unpacking & { readonly kind: 'archive' };

/** Whether it is sooner done by several threads. */
export function isWorthParts(unpacking: Unpacking): unpacking is ArchiveUnpacking {
  return unpacking.kind === 'archive' && workOf(unpacking.entry) >= WORTH_PARTS;
}

/** What a part fails with that nobody has done to its end, and for no fault of its own. */
export const LOST = new PkgCacheError('CACHE_UNUSABLE', 'a thread was lost');

/**
 * As `unpack` (unpacker.ts), by about `ways` threads; `run` has one of them do a part, and settles when it is no longer at work. The list is
 * checked here, and here the entry appears, when all parts are done. Of an archive whose hash was not compared before, every file is
 * compared instead, which says the same: a list of files has one archive. Throws LOST when that was all that went wrong.
 */
export async function unpackInParts(cache: LocalCache, { entry, source, ...rest }: ArchiveUnpacking, ways: number, run: (part: Part, index: number) => Promise<void>): Promise<void> {
  assertPacked(entry);
  const staging = cache.stage(entry.key);
  try {
    const trusted = 'trusted' in rest && rest.trusted;
    const { parts, check } = beginUnpacking(source, staging.dir, expectedOf(entry), { trusted, ways });
    const done = Promise.allSettled(parts.map(run));
    const failures = (await whileAtWork(check, done)).flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
    const failure = failures.find((each) => each !== LOST) ?? failures[0];
    if (failure) throw failure;
    staging.publishEntry(entry);
  } finally {
    staging.discard();
  }
}

/** What becomes of the parts, with what `check` found out meanwhile as the first of their failures. */
async function whileAtWork(check: () => void, done: Promise<PromiseSettledResult<void>[]>): Promise<PromiseSettledResult<void>[]> {
  try {
    check();
  } catch (reason) {
    return [{ status: 'rejected', reason }, ...(await done)];
  }
  return await done;
}
