import type { LocalEntry } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import type { Fleet } from './fleet.ts';
import { AHEAD, mention, refOf, type Ref } from './journal.ts';
import { inParallel } from './parallel.ts';
import { mayRead } from './small.ts';
import { upload } from './upload.ts';

/** Entries in use are mentioned again after so long, in milliseconds: by one worker, and thereby for all. */
export const RENEW = 86_400_000;

/** How many entries are sent before they are written down. */
const BATCH = 200;

/** How many are sent at once. */
const AT_ONCE = 4;

interface Sent {
  readonly up: number;
  /** Why no more was sent. */
  readonly denied: string | undefined;
}

/**
 * Sends up every local entry that the store is not known to have, and mentions those that were used and not mentioned for a day. Entries
 * are looked for by their names alone. Throws STORE_UNAVAILABLE, and what `pace` throws; a denial is remembered instead.
 */
export async function sendUp(fleet: Fleet): Promise<Sent> {
  const { store, state, group } = fleet;
  const now = await store.now();
  fleet.known.forgetAfter(now + AHEAD);
  const sending = new Sending(fleet, now);
  try {
    await inParallel(fleet.cache.ids(), AT_ONCE, (id) => sending.consider(id));
    await sending.writeDown();
    return { up: sending.up, denied: undefined };
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'STORE_DENIED') throw error;
    if (await mayRead(store)) state.update({ deniedAt: Date.now() });
    fleet.log(`sync: sends nothing to ${group}: ${error.message}`);
    return { up: sending.up, denied: error.message };
  }
}

class Sending {
  up = 0;
  readonly #fleet: Fleet;
  readonly #now: number;
  /** How far the store's clock is ahead of ours. */
  readonly #ahead: number;
  readonly #mentioned = new Map<string, Ref>();

  constructor(fleet: Fleet, now: number) {
    this.#fleet = fleet;
    this.#now = now;
    this.#ahead = now - Date.now();
  }

  async consider(id: string): Promise<void> {
    const { cache, known, pace, allowed, settings } = this.#fleet;
    const mentioned = known.mentionedAt(id);
    // What a clock that was wrong has dated in the future would else be mentioned each time.
    if (mentioned !== undefined && Math.min(this.#now, cache.lastUsed(id) + this.#ahead) < mentioned + RENEW) return;
    await pace.between();
    const local = cache.byId(id);
    if (!local || !allowed(local.entry.key)) return;
    // What was in the store long ago may have been removed since.
    const certain = mentioned !== undefined && this.#now - mentioned < settings.syncWindow / 2;
    if (!certain && !(await this.#send(local))) return;
    this.#mentioned.set(id, refOf(local));
    if (this.#mentioned.size >= BATCH) await this.writeDown();
  }

  /** Tells the others what is in the store; only then it counts as known. */
  async writeDown(): Promise<void> {
    if (this.#mentioned.size === 0) return;
    const mentioned = new Map(this.#mentioned);
    this.#mentioned.clear();
    const time = await this.#fleet.store.now();
    await mention(this.#fleet.store, this.#fleet, [...mentioned.values()], time);
    this.#fleet.state.forgetDenial();
    for (const id of mentioned.keys()) this.#fleet.known.mention(id, time);
  }

  /** Whether the store has it now. */
  async #send(local: LocalEntry): Promise<boolean> {
    const { refusals } = this.#fleet;
    if (refusals?.due([local.id]).length === 0) return false;
    const outcome = await upload({ ...this.#fleet, refusals }, local);
    if (outcome === 'created') this.up++;
    if (outcome === 'refused') return false;
    refusals?.forget([local.id]);
    return outcome !== 'damaged';
  }
}
