import type { Entry, EntryKey } from '../cache/entry.ts';
import type { LocalCache, LocalEntry } from '../cache/local.ts';
import type { PkgCacheError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { flightsOf, waitForFlights } from './flights.ts';
import { fileCircuit, memoryCircuit, type CircuitState } from '../store/circuit.ts';
import { openStore } from '../store/open.ts';
import type { S3Settings } from '../store/s3-options.ts';
import type { Store } from '../store/store.ts';
import { isDamage } from './damaged.ts';
import { Puller } from './pull.ts';
import { factsOf } from './store-facts.ts';
import { unpackThreads } from './unpack-threads.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Opens the configured store for work that nobody waits for. It has a circuit of its own: what is too slow for a background process, which
 * may have eight large downloads under way, need not be so for an install. `settings`: those about S3. `afresh`: somebody asks for the store by name, so that
 * installs may try it again, too. Throws CONFIG.
 */
export async function openForBackground(cache: LocalCache, location: string, env: Env, { afresh, settings }: { afresh: boolean; settings?: S3Settings }): Promise<Store> {
  if (afresh) circuitOf(cache, location).close();
  return await openStore(location, { env, circuit: memoryCircuit(), facts: factsOf(cache, location), settings });
}

/** Whether the store at a location has failed a moment ago, as all installs with this cache see it. */
export function circuitOf(cache: LocalCache, location: string): CircuitState {
  return fileCircuit(cache.path('state', `circuit-${sha256(location).slice(0, 16)}.json`));
}

/** The store as an install sees it. `waitLimit`: how many milliseconds it may wait for other workers. Throws CONFIG; everything later is a miss. */
export async function remoteStore(cache: LocalCache, location: string, env: Env, waitLimit: number, settings?: S3Settings): Promise<RemoteStore> {
  const circuit = circuitOf(cache, location);
  return new RemoteStore(cache, await openStore(location, { env, circuit, facts: factsOf(cache, location), settings }), circuit, waitLimit);
}

class RemoteStore {
  readonly #store: Store;
  readonly #puller: Puller;
  readonly #circuit: CircuitState;
  readonly #known: boolean;
  readonly #waitLimit: number;
  #problem: PkgCacheError | undefined;
  /** A question that may not be answered yet. */
  #asked: Promise<unknown> = Promise.resolve();

  constructor(cache: LocalCache, store: Store, circuit: CircuitState, waitLimit: number) {
    this.#store = store;
    this.#circuit = circuit;
    this.#waitLimit = waitLimit;
    this.#known = isOpen(circuit);
    this.#puller = new Puller(cache, store, unpackThreads(cache, {}), (problem) => (this.#problem ??= problem));
  }

  manifests(keys: readonly EntryKey[]): Promise<Map<string, Entry>> {
    return this.#puller.manifests(keys);
  }

  pull(ids: readonly string[]): Promise<Map<string, LocalEntry>> {
    return this.#puller.pull(ids);
  }

  pullOriginals(...args: Parameters<Puller['pullOriginals']>): Promise<Map<string, LocalEntry>> {
    return this.#puller.pullOriginals(...args);
  }

  others(set: string): { areAtWork: () => Promise<boolean>; done: () => Promise<void> } {
    if (this.#waitLimit === 0) return { areAtWork: () => Promise.resolve(false), done: () => Promise.resolve() };
    const flights = this.#quietly(() => flightsOf(this.#store, set));
    this.#asked = flights;
    return {
      areAtWork: async () => ((await flights) ?? []).length > 0,
      done: async () => await this.#quietly(() => waitForFlights(this.#store, set, this.#waitLimit)),
    };
  }

  problem(): { message: string; known: boolean; lasting: boolean } | undefined {
    if (!this.#problem) return undefined;
    const { message, hint } = this.#problem;
    return { message: hint === undefined ? message : `${message} (${hint})`, known: this.#known, lasting: isOpen(this.#circuit) || isDamage(this.#problem) };
  }

  /** What is still being asked would look like a failure of the store. */
  close(): void {
    void this.#asked.then(() => this.#store.close());
  }

  /** Others are waited for where that can be known; that it cannot is not worth a word. */
  async #quietly<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch {
      return undefined;
    }
  }
}

function isOpen(circuit: CircuitState): boolean {
  return (circuit.openUntil() ?? 0) > Date.now();
}
