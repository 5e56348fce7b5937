import { setTimeout as sleep } from 'node:timers/promises';
import { aloneIn, SpoolWork, type BackgroundOptions } from './background.ts';

export interface DaemonOptions {
  readonly background: BackgroundOptions;
  /** Aborted when it is time to stop. */
  readonly signal: AbortSignal;
  /** Once, as soon as this is the one background process of the cache. */
  readonly begin: () => Promise<void>;
  /** Whether `attend` has something to do. */
  readonly isDue: () => boolean;
  readonly attend: () => Promise<void>;
}

/** How often a daemon looks for work, in milliseconds. */
const LOOK_EVERY = 500;

/**
 * Stays, and does all background work of a cache until `signal` is aborted: what installs leave in the spool, and what is due for the fleet.
 * While another process has that in hand, waits for its end.
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { background, signal } = options;
  let isTold = false;
  try {
    while (!(await aloneIn(background.cache, () => stay(options)))) {
      if (!isTold) background.log('daemon: another background process is at work on this cache; waiting for its end');
      isTold = true;
      await sleep(LOOK_EVERY, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function stay({ background, signal, begin, isDue, attend }: DaemonOptions): Promise<void> {
  const { cache, spool } = background;
  const work = new SpoolWork(background);
  background.log('daemon: at work');
  cache.sweep();
  spool.sweep();
  await begin();
  while (!signal.aborted) {
    await work.round();
    if (isDue()) await attend();
    await sleep(LOOK_EVERY, undefined, { signal });
  }
}
