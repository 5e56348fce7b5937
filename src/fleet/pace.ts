import { setTimeout as sleep } from 'node:timers/promises';

/** How background work makes room for others. */
export interface Pace {
  /** Called between two pieces of work. Waits while somebody else comes first; throws when it is time to stop. */
  between(): Promise<void>;
  /** Waits until these bytes may be on the network. */
  spend(bytes: number): Promise<void>;
}

export interface PaceOptions {
  /** Whether an install is at work. */
  readonly isBusy: () => boolean;
  /** Bytes per second; undefined: as fast as it goes. */
  readonly bandwidth: number | undefined;
  /** Done before each look: what must not wait for long work to end. */
  readonly tend: () => void;
  /** Aborted when it is time to stop. */
  readonly signal: AbortSignal;
}

/** For who waits for nobody. */
export const AT_ONCE: Pace = { between: async () => Promise.resolve(), spend: async () => Promise.resolve() };

/** How long a run of background work steps aside for installs, all in all, in milliseconds: one that hangs must not stop it for ever. */
const MOST_ASIDE = 600_000;

/** How often it is looked whether an install is at work, in milliseconds. */
const LOOK_EVERY = 200;

/** Steps aside for installs, and keeps within a bandwidth. */
export function considerate({ isBusy, bandwidth, tend, signal }: PaceOptions): Pace {
  let looked = 0;
  let aside = 0;
  let busy = false;
  let free = 0;
  const look = (): void => {
    if (performance.now() - looked < LOOK_EVERY) return;
    tend();
    busy = isBusy();
    looked = performance.now();
  };
  return {
    async between() {
      for (look(); busy && aside < MOST_ASIDE; look()) {
        signal.throwIfAborted();
        await sleep(LOOK_EVERY + 1, undefined, { signal });
        aside += LOOK_EVERY;
      }
      signal.throwIfAborted();
    },
    async spend(bytes) {
      if (bandwidth === undefined) return;
      // The time from which on the line is free again: who comes next waits for it.
      const now = performance.now();
      free = Math.max(free, now) + (bytes / bandwidth) * 1000;
      if (free - now > 5) await sleep(free - now, undefined, { signal });
    },
  };
}
