import type { LocalEntry } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import type { Fleet } from './fleet.ts';
import { AHEAD, mention, refOf, type Ref } from './journal.ts';
import { inParallel } from './parallel.ts';
import { mayRead } from './small.ts';
import { Gate } from '../store/gate.ts';
import { Listing } from './stored.ts';
import { ifAllowed } from './tend/remove.ts';
import { upload, type Outcome } from './upload.ts';

/** Entries in use are mentioned again after so long, in milliseconds: by one worker, and thereby for all. */
export const RENEW = 86_400_000;

/** How many entries are sent before they are written down. */
const BATCH = 200;

/** How many are looked after at once; of those that are larger (in bytes) fewer are sent at once, because parts of them are in memory. */
const AT_ONCE = 24;
const LARGE = 1 << 20;
const LARGE_AT_ONCE = 4;

/** From so many on, what the store may not have is looked for in its listing: 1000 entries a request, instead of two requests an entry. */
const MANY = 50;

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
  const ids = [...fleet.cache.ids()];
  const unknown = ids.filter((id) => fleet.known.mentionedAt(id) === undefined).length;
  const sending = new Sending(fleet, now, unknown >= MANY ? new Listing(fleet.store, unknown) : undefined);
  try {
    await inParallel(ids, AT_ONCE, (id) => sending.consider(id));
    await sending.writeDown();
    return { up: sending.up, denied: undefined };
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'STORE_DENIED') throw error;
    if (await mayRead(store)) state.update({ deniedAt: Date.now() });
    fleet.log(`sync: sends nothing to ${group}: ${error.message}`);
    return { up: sending.up, denied: error.message };
  }
}

/** How many pages of the store's listing it is worth, once a day, to know what of the cache is in there. */
const PAGES = 500;

/** Writes down, once a day, what is used here and in the store, and uploads nothing: for workers that may only read. Throws STORE_UNAVAILABLE. */
export async function recordUse(fleet: Fleet): Promise<void> {
  const { store, state, log } = fleet;
  const { recordedAt } = state.read();
  if (recordedAt !== undefined && Math.abs(Date.now() - recordedAt) < RENEW) return;
  const sending = new Sending(fleet, await store.now(), new Listing(store, PAGES), true);
  await ifAllowed(async () => {
    await inParallel([...fleet.cache.ids()], AT_ONCE, (id) => sending.consider(id));
    await sending.writeDown();
  }, (why) => log(`sync: what is used here cannot be written down (needs s3:PutObject on v1/journal/*): ${why}`));
  state.update({ recordedAt: Date.now() });
}

class Sending {
  up = 0;
  readonly #fleet: Fleet;
  readonly #now: number;
  /** How far the store's clock is ahead of ours. */
  readonly #ahead: number;
  readonly #mentioned = new Map<string, Ref>();
  readonly #listing: Listing | undefined;
  readonly #uploadsNothing: boolean;
  /** Whether the first upload concerned no more than its entry. */
  #first: Promise<boolean> | undefined;
  readonly #large = new Gate(LARGE_AT_ONCE);

  /** `uploads nothing`: only what is listed is mentioned. */
  constructor(fleet: Fleet, now: number, listing: Listing | undefined, uploadsNothing = false) {
    this.#uploadsNothing = uploadsNothing;
    this.#fleet = fleet;
    this.#now = now;
    this.#listing = listing;
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
    if (!this.#uploadsNothing) this.#fleet.state.forgetDenial();
    for (const id of mentioned.keys()) this.#fleet.known.mention(id, time);
  }

  /** One goes ahead: where the store takes nothing, the others are not sent for that. Undefined for those then. */
  async #afterFirst<T>(send: () => Promise<T>): Promise<T | undefined> {
    if (this.#first) return (await this.#first) ? await send() : undefined;
    const sent = send();
    this.#first = sent.then(() => true, () => false);
    return await sent;
  }

  /** Whether the store has it now. */
  async #send(local: LocalEntry): Promise<boolean> {
    const { refusals, known } = this.#fleet;
    if (!known.isDoubted(local.id) && (await this.#listing?.has(local.entry))) return true;
    if (this.#uploadsNothing) return false;
    if (refusals?.due([local.id]).length === 0) return false;
    const send = (): Promise<Outcome> => upload({ ...this.#fleet, refusals }, local);
    const outcome = await this.#afterFirst(() => (local.entry.size > LARGE ? this.#large.run(send) : send()));
    if (outcome === undefined) return false;
    if (outcome === 'created') this.up++;
    if (outcome === 'refused') return false;
    refusals?.forget([local.id]);
    return outcome !== 'damaged';
  }
}
