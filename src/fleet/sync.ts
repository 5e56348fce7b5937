import { PkgCacheError } from '../errors.ts';
import type { Fleet } from './fleet.ts';
import { mayWrite } from './may-write.ts';
import { bringDown, type BroughtDown } from './sync-down.ts';
import { recordUse, sendUp } from './sync-up.ts';

const NOTHING_SENT = { up: 0, denied: undefined };

/** What a run of sync did. */
export interface Synced extends BroughtDown {
  /** Entries that the store did not have before. */
  readonly up: number;
  /** Why nothing was sent, if it was not allowed. */
  readonly denied: string | undefined;
}

/**
 * Brings down what is new in the store, and sends up what it lacks: what others have comes first, so that it is not offered to the store again. Its
 * cost is that of what is new. `afresh`: who was denied to write tries again. Throws STORE_* when the store fails, and what `pace` throws; the next run goes on where this one was.
 */
export async function sync(fleet: Fleet, { afresh = false } = {}): Promise<Synced> {
  const { state, store, known } = fleet;
  if (afresh) state.forgetDenial();
  state.update({ triedAt: Date.now() });
  try {
    const { down, behind, over } = await bringDown(fleet);
    const { up, denied } = mayWrite(fleet) ? await sendUp(fleet) : NOTHING_SENT;
    if (fleet.recordsUse && (denied !== undefined || !mayWrite(fleet))) await recordUse(fleet);
    state.update({ syncedAt: Date.now(), broughtDown: down, sentUp: up, behind, problem: undefined });
    return { down, up, behind, over, denied };
  } catch (error) {
    if (error instanceof PkgCacheError) state.update({ problem: error.message });
    throw error;
  } finally {
    known.save(await store.now().catch(() => 0));
  }
}

/** The half of `sync` that only reads: what is newer than the snapshot that a worker has warmed up with. `progress` hears how many have come. Throws as `sync` does. */
export async function catchUp(fleet: Fleet, progress: (down: number) => void = () => undefined): Promise<BroughtDown> {
  try {
    const brought = await bringDown(fleet, progress);
    fleet.state.update({ behind: brought.behind });
    return brought;
  } finally {
    fleet.known.save(await fleet.store.now().catch(() => 0));
  }
}
