import { setTimeout as sleep } from 'node:timers/promises';
import { PkgCacheError } from '../errors.ts';
import { abortable } from './abortable.ts';
import { payloadSize, type Backend } from './backend.ts';
import { GuardedBody } from './body.ts';
import { CIRCUIT_MS, type CircuitState } from './circuit.ts';
import { isTransient, isUnanswered, storeCause, unavailable } from './failure.ts';
import { Gate } from './gate.ts';
import { checkKey } from './key.ts';
import { LIMITS, type Limits } from './limits.ts';
import { Patience } from './patience.ts';
import type { Payload, Store, StoredObject } from './store.ts';
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
 * - A read that fails, or is denied, opens the circuit: the next install must not wait again. Reads try twice.
 * - An upload has deadlines of its own (`Watchdog`) and opens the circuit only if nobody answered: credentials that may
 *   only read, and a store that is full, still serve. Whether to try again is its backend's business.
 */
export function resilient(backend: Backend, options: ResilientOptions): Store {
  return new ResilientStore(backend, options);
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

  async get(key: string): Promise<StoredObject | undefined> {
    checkKey(this.label, key);
    return await this.#gate.run(() => this.#read(key));
  }

  async create(key: string, payload: Payload): Promise<'created' | 'exists'> {
    checkKey(this.label, key);
    this.#admit();
    const watchdog = new Watchdog(payloadSize(payload), this.#limits, () => this.#timeout('the upload does not progress'));
    try {
      const outcome = await abortable(this.#backend.create(key, payload, watchdog), watchdog.signal);
      this.#recovered();
      return outcome;
    } catch (error) {
      if (isUnanswered(error)) this.#failed(error);
      throw error;
    } finally {
      watchdog.stop();
    }
  }

  close(): void {
    this.#backend.close();
  }

  async #read(key: string): Promise<StoredObject | undefined> {
    this.#admit();
    const controller = new AbortController();
    const giveUp = (): void => controller.abort(this.#timeout('no answer in time'));
    this.#patience.await('answer', giveUp);
    try {
      const found = await this.#twice(() => this.#attempt(key, controller.signal), controller.signal);
      this.#patience.answered();
      this.#recovered();
      return found && this.#guarded(found);
    } catch (error) {
      this.#failed(error);
      throw error;
    } finally {
      this.#patience.done(giveUp);
    }
  }

  async #attempt(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    const answer = this.#backend.get(key, signal);
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
    if (!(error instanceof PkgCacheError) || this.#isOpen()) return;
    const reason = error.message.replace(`store ${this.label}: `, '');
    this.#circuit.open(this.#now() + CIRCUIT_MS, reason);
  }

  #recovered(): void {
    if (this.#circuit.openUntil() !== undefined && !this.#isOpen()) this.#circuit.close();
  }
}
