import { PkgCacheError } from '../errors.ts';
import type { Fleet, FleetSettings } from './fleet.ts';
import { takePart } from './snapshot/election.ts';
import { warm } from './snapshot/warm.ts';
import type { FleetState } from './state.ts';
import { sync } from './sync.ts';
import { tend } from './tend.ts';

/** Runs of sync are so far from the interval at most, as a part of it: workers that started together soon do not ask together. */
const JITTER = 0.2;

/** So often a worker that starts tries to warm up before it goes on without: what has come stays, and a moment later the rest may come, too. */
const COLD_TRIES = 3;

/** Whether it is time for the next sync. `chance` is between 0 and 1. */
export function isDue({ syncEvery }: Pick<FleetSettings, 'syncEvery'>, state: FleetState, chance = Math.random()): boolean {
  if (syncEvery === 0) return false;
  const { triedAt } = state.read();
  // A time from the future is that of a clock that was wrong.
  return triedAt === undefined || Math.abs(Date.now() - triedAt) > syncEvery * (1 - JITTER / 2 + JITTER * chance);
}

/**
 * Does what a worker does for the fleet now and then: syncs, makes the snapshot if that falls to it, and looks after the store. One that has never
 * been warm begins with the snapshot. What goes wrong is logged, and does not keep it from the rest: a store that is full can be read, and cleared.
 * What `pace` throws is thrown.
 */
export async function attend(fleet: Fleet): Promise<void> {
  const { state, log } = fleet;
  state.update({ triedAt: Date.now() });
  let told: string | undefined;
  for (const step of [keepUp, takePart, tend]) {
    try {
      await step(fleet);
    } catch (error) {
      if (!(error instanceof PkgCacheError)) throw error;
      if (error.message !== told) log(`sync: ${error.message}`);
      told = error.message;
    }
  }
}

async function keepUp(fleet: Fleet): Promise<void> {
  const { warmedAt, read, behind: before = 0 } = fleet.state.read();
  if (warmedAt === undefined && read === undefined) await warmOrGoOn(fleet);
  const { down, up, behind, over } = await sync(fleet);
  if (down + up + over > 0 || behind !== before) fleet.log(`sync: ${down} brought down, ${up} stored, ${behind + over} left out`);
}

/** A snapshot that the store does not give must not keep a worker from what others store, one by one. */
async function warmOrGoOn(fleet: Fleet): Promise<void> {
  const { coldTries = 0 } = fleet.state.read();
  try {
    await warmQuietly(fleet);
  } catch (error) {
    if (error instanceof PkgCacheError) fleet.state.update({ coldTries: coldTries + 1 });
    if (!(error instanceof PkgCacheError) || coldTries + 1 < COLD_TRIES) throw error;
    fleet.log(`warm: ${error.message}`);
  }
}

async function warmQuietly(fleet: Fleet): Promise<void> {
  const { period, unpacked, problems } = await warm(fleet, () => undefined);
  for (const problem of problems) fleet.log(`warm: ${problem.message}`);
  if (unpacked) fleet.log(`warm: snapshot ${period}: ${unpacked.made} entries, ${unpacked.failed} left out`);
}
