import { tryClaim, type Claim } from '../cache/claim.ts';
import type { LocalCache } from '../cache/local.ts';
import { sha256 } from '../hash.ts';

/** How long one install waits for another one in the same place before it leaves the matter to the real tool, in milliseconds. */
const PATIENCE = 60_000;

/**
 * Two installs into one place come one after the other; the second sees what the first has done. Undefined when it takes the other one too
 * long. `checkpoint` throws when nobody wants the install any more.
 */
export async function takeTurn(cache: LocalCache, target: string, checkpoint: () => void): Promise<Claim | undefined> {
  const path = cache.path('claims', `env-${sha256(target).slice(0, 32)}`);
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    const claim = tryClaim(path);
    if (claim) return claim;
    checkpoint();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return undefined;
}
