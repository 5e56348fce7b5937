import { PkgCacheError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import { SIGN_EVERY, flightName, signKey, type Phase } from './flights.ts';
import { hasEnded, spooledAt, type Job, type Spool, type Spooled } from './spool.ts';

/** Installs that are shorter than this (ms) are not announced: whoever waited for what they bring would lose by it. */
const WORTH_IT = 3_000;

type FlightJob = Spooled & { readonly job: Job & { kind: 'flight' } };

interface Announced {
  readonly store: Store;
  readonly name: string;
  signs: number;
  phase: Phase;
  readonly timer: NodeJS.Timeout;
}

export interface AnnouncerOptions {
  readonly spool: Spool;
  /** Undefined where nothing is uploaded. */
  readonly openStore: (() => Promise<Store>) | undefined;
  /** Why nothing is to be written to the store for now. */
  readonly whyNotWritten?: (() => string | undefined) | undefined;
  readonly log: Log;
}

/**
 * Tells other workers of installs that are under way here (flights.ts). Nothing depends on it: where it fails, they install the same
 * themselves, as they would without it.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  /** By the path of the job; undefined: it could not be announced. */
  readonly #announced = new Map<string, Announced | undefined>();
  /** Jobs whose real tool has ended. */
  readonly #ended = new Set<string>();

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Announces what has been under way for a while, and what has ended and is about to be stored. */
  async look(): Promise<void> {
    for (const flight of this.#jobs()) {
      const elapsed = Date.now() - spooledAt(flight);
      if (!hasEnded(flight.job.after, spooledAt(flight))) {
        if (elapsed > WORTH_IT && !this.#announced.has(flight.path)) await this.#announce(flight);
      } else if (!this.#ended.has(flight.path)) {
        this.#ended.add(flight.path);
        await this.#sign(flight.path, { kind: 'storing', took: elapsed });
      }
    }
  }

  /** Everything has been stored that could be: whose real tool had ended by the last look need not be waited for any more. */
  async land(): Promise<void> {
    for (const flight of this.#jobs().filter(({ path }) => this.#ended.has(path))) {
      await this.#sign(flight.path, { kind: 'landed' });
      const announced = this.#announced.get(flight.path);
      clearInterval(announced?.timer);
      announced?.store.close();
      this.#announced.delete(flight.path);
      this.#ended.delete(flight.path);
      this.#options.spool.done(flight);
    }
  }

  #jobs(): FlightJob[] {
    return this.#options.spool.jobs().filter((spooled): spooled is FlightJob => spooled.job.kind === 'flight');
  }

  async #announce({ path, job }: FlightJob): Promise<void> {
    const { openStore, whyNotWritten } = this.#options;
    this.#announced.set(path, undefined);
    if (!openStore || whyNotWritten?.() !== undefined) return;
    await this.#tolerant(async () => {
      const store = await openStore();
      const timer = setInterval(() => void this.#repeat(path), SIGN_EVERY);
      timer.unref();
      this.#announced.set(path, { store, name: flightName(job.set, await store.now()), signs: 0, phase: { kind: 'installing' }, timer });
      await this.#sign(path, { kind: 'installing' });
    });
  }

  async #repeat(path: string): Promise<void> {
    const announced = this.#announced.get(path);
    if (announced) await this.#sign(path, announced.phase);
  }

  async #sign(path: string, phase: Phase): Promise<void> {
    const announced = this.#announced.get(path);
    if (!announced) return;
    announced.phase = phase;
    await this.#tolerant(() => announced.store.create(signKey(announced.name, announced.signs++, phase), Buffer.alloc(0)));
  }

  async #tolerant(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof PkgCacheError)) throw error;
      this.#options.log(`announce: ${error.message}`, { level: 'warn' });
    }
  }
}
