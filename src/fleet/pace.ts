import { setTimeout as sleep } from 'node:timers/promises';

/** How background work makes room for others. */
export interface Pace {
  /** Called between two pieces of work. Waits while somebody else comes first; throws when it is time to stop. */
  between(): Promise<void>;
}

export interface PaceOptions {
  /** Whether an install is at work. */
  readonly isBusy: () => boolean;
  /** Done before each look: what must not wait for long work to end. */
  readonly tend: () => void;
  /** Aborted when it is time to stop. */
  readonly signal: AbortSignal;
}

/** For who waits for nobody. */
export const AT_ONCE: Pace = { between: () => Promise.resolve() };

/** How long background work steps aside in one go, in milliseconds: an install that hangs must not stop it for ever. */
const MOST_ASIDE = 600_000;

/** How often it is looked whether an install is at work, in milliseconds. */
const LOOK_EVERY = 200;

/** Steps aside for installs; for at most `most` milliseconds while there is no moment without one. */
export function considerate({ isBusy, tend, signal }: PaceOptions, most = MOST_ASIDE): Pace {
  let looked = -Infinity;
  let aside = 0;
  let busy = false;
  const look = (): void => {
    if (performance.now() - looked < LOOK_EVERY) return;
    tend();
    busy = isBusy();
    if (!busy) aside = 0; // a daemon has had many installs in its life
    looked = performance.now();
  };
  return {
    async between() {
      for (look(); busy && aside < most; look()) {
        await sleep(LOOK_EVERY, undefined, { signal });
        aside += LOOK_EVERY;
      }
      signal.throwIfAborted();
    },
  };
}
