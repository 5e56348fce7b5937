import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import { SIGN_EVERY, flightName, signKey, type Phase } from './flights.ts';
import { hasEnded, isElsewhere, spooledAt, type Job, type Spool, type Spooled } from './spool.ts';

/** Installs that are shorter than this (ms) are not announced: whoever waited for what they bring would lose by it. */
const WORTH_IT = 3_000;

/** How often the end of an announced install is looked for, whatever else is being done, in milliseconds: others wait for as long as it took. */
const NOTICE_EVERY = 1_000;

type FlightJob = Spooled & { readonly job: Job & { kind: 'flight' } };

interface Announced {
  phase: Phase;
  /** When that was said last, in milliseconds of `performance.now()`. */
  saidAt: number;
  readonly timer: NodeJS.Timeout;
  /** What has been said so far, one after the other: nobody waits for it but who has the last word. Undefined: nothing can be said. */
  said: Promise<Speaker | undefined>;
}

interface Speaker {
  readonly store: Store;
  readonly name: string;
  readonly signs: number;
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
  /** By the path of the job. */
  readonly #announced = new Map<string, Announced>();
  /** Jobs whose real tool has ended. */
  readonly #ended = new Set<string>();
  /** Those of them whose real tool had ended when it was looked last. */
  #landing: ReadonlySet<string> = new Set();

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Announces what has been under way for a while, and what has ended and is about to be stored. */
  look(): void {
    this.#notice();
    this.#landing = new Set(this.#ended);
  }

  /** Everything has been stored that could be: whose real tool had ended by the last look need not be waited for any more. */
  async land(): Promise<void> {
    for (const flight of this.#jobs().filter(({ path }) => this.#landing.has(path))) {
      await this.#end(flight.path);
      this.#options.spool.done(flight);
    }
  }

  async #end(path: string): Promise<void> {
    this.#say(path, { kind: 'landed' });
    const announced = this.#announced.get(path);
    clearInterval(announced?.timer);
    this.#announced.delete(path);
    this.#ended.delete(path);
    (await announced?.said)?.store.close();
  }

  #notice(): void {
    for (const flight of this.#jobs()) {
      const elapsed = Date.now() - spooledAt(flight);
      if (!hasEnded(flight.job.after, spooledAt(flight))) {
        if (elapsed > WORTH_IT && !this.#announced.has(flight.path)) this.#announce(flight);
      } else if (!this.#ended.has(flight.path)) {
        this.#ended.add(flight.path);
        this.#say(flight.path, { kind: 'storing', took: elapsed });
      }
    }
  }

  #jobs(): FlightJob[] {
    const flights = this.#options.spool.jobs().filter((spooled): spooled is FlightJob => spooled.job.kind === 'flight');
    return flights.filter((flight) => !isElsewhere(flight) || hasEnded(flight.job.after, spooledAt(flight)));
  }

  #announce({ path, job }: FlightJob): void {
    const { openStore, whyNotWritten } = this.#options;
    const timer = setInterval(() => this.#showLife(path), NOTICE_EVERY);
    timer.unref();
    const open = async (): Promise<Speaker | undefined> => {
      if (!openStore || whyNotWritten?.() !== undefined) return undefined;
      const store = await openStore();
      return { store, name: flightName(job.set, await store.now()), signs: 0 };
    };
    this.#announced.set(path, { phase: INSTALLING, saidAt: 0, timer, said: this.#tolerant(open) });
    this.#say(path, INSTALLING);
  }

  /** Goes on while background work is elsewhere: a sync may take longer than the install. */
  #showLife(path: string): void {
    if (spooledAt({ path }) === 0) return void this.#end(path); // another process has seen to it
    this.#notice();
    const announced = this.#announced.get(path);
    if (announced && performance.now() - announced.saidAt >= SIGN_EVERY) this.#say(path, announced.phase);
  }

  #say(path: string, phase: Phase): void {
    const announced = this.#announced.get(path);
    if (!announced) return;
    announced.phase = phase;
    announced.saidAt = performance.now();
    announced.said = announced.said.then(async (speaker) => {
      if (!speaker) return undefined;
      await this.#tolerant(() => speaker.store.create(signKey(speaker.name, speaker.signs, phase), Buffer.alloc(0)));
      return { ...speaker, signs: speaker.signs + 1 };
    });
  }

  async #tolerant<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#options.log(`announce: ${error instanceof Error ? error.message : String(error)}`, { level: 'warn' });
      return undefined;
    }
  }
}

const INSTALLING: Phase = { kind: 'installing' };
