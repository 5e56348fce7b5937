import { setTimeout as sleep } from 'node:timers/promises';
import type { Claim } from '../cache/claim.ts';
import { aloneIn, SpoolWork, type BackgroundOptions } from './background.ts';

export interface DaemonOptions {
  readonly background: BackgroundOptions;
  /** Aborted when it is time to stop. */
  readonly signal: AbortSignal;
  /** As soon as this is the one background process of the cache. */
  readonly begin: () => Promise<void>;
  /** Whether `attend` has something to do. */
  readonly isDue: () => boolean;
  readonly attend: () => Promise<void>;
}

/** How often a daemon looks for work, in milliseconds. */
const LOOK_EVERY = 500;

/**
 * Stays, and does all background work of a cache until `signal` is aborted: what installs leave in the spool, and what is due for the fleet.
 * While another process has that in hand, waits for its end; so it does when one
 * has taken over because this one was paused for minutes.
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { background, signal } = options;
  let isTold = false;
  try {
    for (; !signal.aborted; await sleep(LOOK_EVERY, undefined, { signal })) {
      const wasAlone = await aloneIn(background.cache, (claim) => stay(options, claim));
      if (!wasAlone && !isTold) background.log('daemon: another background process is at work on this cache; waiting for its end');
      isTold = !wasAlone;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function stay({ background, signal, begin, isDue, attend }: DaemonOptions, claim: Claim): Promise<void> {
  const { cache, spool } = background;
  const work = new SpoolWork(background);
  background.log('daemon: at work');
  cache.sweep();
  spool.sweep();
  await begin();
  background.housekeeping?.();
  while (!signal.aborted && claim.isHeld()) {
    const hasWorked = await work.round();
    const hasAttended = isDue();
    if (hasAttended) await attend();
    if (hasWorked || hasAttended) background.housekeeping?.();
    await sleep(LOOK_EVERY, undefined, { signal });
  }
}
