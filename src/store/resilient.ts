import { setTimeout as sleep } from 'node:timers/promises';
import { PkgCacheError } from '../errors.ts';
import { abortable } from './abortable.ts';
import { payloadSize, type Backend, type RawPage } from './backend.ts';
import { GuardedBody } from './body.ts';
import { CIRCUIT_MS, type CircuitState } from './circuit.ts';
import { isTransient, isUnanswered, mayBeOfObject, storeCause, unavailable, unreadable } from './failure.ts';
import { Gate } from './gate.ts';
import { checkKey, isKey } from './key.ts';
import { LIMITS, type Limits } from './limits.ts';
import { Patience } from './patience.ts';
import type { ListOptions, Page, Payload, Range, Store, StoredObject } from './store.ts';
import { Watchdog } from './watchdog.ts';

export interface ResilientOptions {
  readonly circuit: CircuitState;
  readonly limits?: Partial<Limits>;
  /** Epoch milliseconds; the circuit's clock. */
  readonly now?: () => number;
}

/**
 * Makes a Store of a backend that may be down, slow or lying: what it costs an install is bounded (`Patience`), and
 * after a failure every call fails at once until the circuit closes.
 *
 * - A read that fails, or is denied, opens the circuit: the next install must not wait again. Reads try twice. Listing
 *   does not count: it may be denied or unknown where reading is not, and no install depends on it.
 * - An upload has deadlines of its own (`Watchdog`) and opens the circuit only if nobody answered: credentials that may
 *   only read, and a store that is full, still serve. Whether to try again is its backend's business.
 */
export function resilient(backend: Backend, options: ResilientOptions): Store {
  return new ResilientStore(backend, options);
}

/** Nothing lies there: a store that may be read says so. */
const PROBE = 'v1/doctor/none';

interface Asking {
  readonly opens: boolean;
  /** What is thrown in the place of an error; undefined: the error itself. */
  readonly instead?: (error: unknown, signal: AbortSignal) => Promise<PkgCacheError | undefined>;
}

class ResilientStore implements Store {
  readonly label: string;
  readonly #backend: Backend;
  readonly #circuit: CircuitState;
  readonly #limits: Limits;
  readonly #now: () => number;
  readonly #patience: Patience;
  readonly #gate: Gate;

  constructor(backend: Backend, { circuit, limits, now }: ResilientOptions) {
    this.label = backend.label;
    this.#backend = backend;
    this.#circuit = circuit;
    this.#limits = { ...LIMITS, ...limits };
    this.#now = now ?? Date.now;
    this.#patience = new Patience(this.#limits);
    this.#gate = new Gate(this.#limits.requests);
  }

  async get(key: string, range?: Range): Promise<StoredObject | undefined> {
    checkKey(this.label, key);
    const attempt = (signal: AbortSignal): Promise<StoredObject | undefined> => this.#attempt(key, range, signal);
    const found = await this.#gate.run(() => this.#ask(attempt, { opens: true, instead: (error, signal) => this.#ofObject(key, error, signal) }));
    return found && this.#guarded(found);
  }

  async list(prefix: string, { after, limit = MAX_PAGE }: ListOptions = {}): Promise<Page> {
    const attempt = (signal: AbortSignal): Promise<RawPage> => abortable(this.#backend.list(prefix, { after, limit }, signal), signal);
    return checkedPage(this.label, await this.#gate.run(() => this.#ask(attempt, { opens: false })), prefix, after);
  }

  async now(): Promise<number> {
    return Math.round(await this.#ask((signal) => abortable(this.#backend.now(signal), signal), { opens: false }));
  }

  async create(key: string, payload: Payload): Promise<'created' | 'exists'> {
    checkKey(this.label, key);
    return await this.#write(payloadSize(payload), (watchdog) => {
      const watched = payload instanceof Uint8Array || !('pieces' in payload) ? payload : { ...payload, pieces: watchdog.unhurried(payload.pieces) };
      return this.#backend.create(key, watched, watchdog);
    });
  }

  async remove(key: string): Promise<void> {
    checkKey(this.label, key);
    await this.#write(0, ({ signal }) => this.#backend.remove(key, signal));
  }

  async tidy(): Promise<number> {
    return await this.#write(0, (watchdog) => this.#backend.tidy(watchdog));
  }

  close(): void {
    this.#backend.close();
  }

  async #write<T>(size: number, work: (watchdog: Watchdog) => Promise<T>): Promise<T> {
    this.#admit();
    const watchdog = new Watchdog(size, this.#limits, () => this.#timeout('the store does not get on with a write'));
    try {
      const outcome = await abortable(work(watchdog), watchdog.signal);
      this.#recovered();
      return outcome;
    } catch (error) {
      if (isUnanswered(error)) this.#failed(error);
      throw error;
    } finally {
      watchdog.stop();
    }
  }

  /** `opens`: whether the circuit opens when this fails. What no install depends on says nothing about the rest. */
  async #ask<T>(attempt: (signal: AbortSignal) => Promise<T>, { opens, instead }: Asking = { opens: true }): Promise<T> {
    this.#admit();
    const controller = new AbortController();
    const giveUp = (): void => controller.abort(this.#timeout('no answer in time'));
    this.#patience.await('answer', giveUp);
    try {
      const answer = await this.#twice(() => attempt(controller.signal), controller.signal);
      this.#patience.answered();
      this.#recovered();
      return answer;
    } catch (thrown) {
      const error = (await instead?.(thrown, controller.signal)) ?? thrown;
      if (opens) this.#failed(error);
      throw error;
    } finally {
      this.#patience.done(giveUp);
    }
  }

  /**
   * What a failed read means where another object can be read: that this one cannot be had (its key may not be used by these credentials, its disk
   * is gone), and the store is as well as ever. Undefined where it says something about the store.
   */
  async #ofObject(key: string, error: unknown, signal: AbortSignal): Promise<PkgCacheError | undefined> {
    if (key === PROBE || signal.aborted || !mayBeOfObject(error)) return undefined;
    try {
      (await this.#attempt(PROBE, undefined, signal))?.body.destroy();
      return unreadable(this.label, key, error);
    } catch {
      return undefined;
    }
  }

  async #attempt(key: string, range: Range | undefined, signal: AbortSignal): Promise<StoredObject | undefined> {
    const answer = this.#backend.get(key, signal, range);
    try {
      return await abortable(answer, signal);
    } catch (error) {
      // An answer that comes after all is not read by anybody.
      answer.then((late) => late?.body.destroy(), () => undefined);
      throw error;
    }
  }

  async #twice<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted || !isTransient(error)) throw error;
      // Spread out, so that a store that asked to be spared is not asked by all at once.
      await abortable(sleep(this.#limits.retryMs * (1 + Math.random())), signal);
      this.#admit();
      return await attempt();
    }
  }

  #guarded(found: StoredObject): StoredObject {
    const body = new GuardedBody(this.label, found, this.#patience, (error) => this.#failed(error));
    return { size: found.size, body };
  }

  #timeout(what: string): PkgCacheError {
    return unavailable(this.label, what, { cause: storeCause('TimeoutError', undefined, 'ETIMEDOUT') });
  }

  #isOpen(): boolean {
    const until = this.#circuit.openUntil();
    return until !== undefined && this.#now() < until;
  }

  #admit(): void {
    if (!this.#isOpen()) return;
    throw unavailable(this.label, `not asked again for now, since it failed (${this.#circuit.reason() ?? 'unknown'})`);
  }

  #failed(error: unknown): void {
    // One object that is wrong is no reason to give up the others.
    if (!(error instanceof PkgCacheError) || error.code === 'ARCHIVE_INVALID' || this.#isOpen()) return;
    const reason = error.message.replace(`store ${this.label}: `, '');
    this.#circuit.open(this.#now() + CIRCUIT_MS, reason);
  }

  #recovered(): void {
    if (this.#circuit.openUntil() !== undefined && !this.#isOpen()) this.#circuit.close();
  }
}

/** The most that S3 puts into a page. */
const MAX_PAGE = 1000;

/** What of a page can be used. Throws STORE_UNAVAILABLE when going on with it might never end. */
function checkedPage(label: string, { objects, more }: RawPage, prefix: string, after: string | undefined): Page {
  let last = after;
  for (const { key } of objects) {
    if ((last !== undefined && key <= last) || !key.startsWith(prefix)) throw unavailable(label, 'its listing is not in order');
    last = key;
  }
  // Whatever else lies in a bucket, we have not put it there.
  return { objects: objects.filter(({ key }) => isKey(key)), next: more && objects.length > 0 ? last : undefined };
}
