import { realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { count, flag, list, object, text, textUnless, type Shape } from '../../shape.ts';
import { SCHEME } from '../python/facts.ts';
import type { Layout } from '../python/schemes.ts';
import type { CollectDetails } from './job.ts';

/**
 * Of `details` in a job that waits: what an install has left for whoever collects what its pip brought. The report is removed when it has been read:
 * it must lie in the cache's own directory `reports`, under a name as it is given there.
 */
export function spooledDetails(reports: string): Shape<CollectDetails> {
  return object<CollectDetails>({
    report: textUnless((path) => (/^[0-9a-f]+\.json$/.test(basename(path)) && isSame(dirname(path), reports) ? undefined : 'is no report in the cache')),
    layout: object<Layout>({ actual: SCHEME, recorded: SCHEME }),
    platform: text,
    builtPlatform: text,
    origin: text,
    executable: text,
    cacheTag: text,
    magic: count,
    sources: list(text),
    buildOptions: flag,
    narrow: list(text),
  });
}

/** Whoever left the job may have come to the cache by a link. */
function isSame(path: string, directory: string): boolean {
  try {
    return realpathSync(path) === realpathSync(directory);
  } catch {
    return false;
  }
}
