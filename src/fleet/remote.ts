import type { Entry, EntryKey } from '../cache/entry.ts';
import type { LocalCache, LocalEntry } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { fileCircuit } from '../store/circuit.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { Puller } from './pull.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Opens the configured store, with the circuit that all processes of this cache share. Throws CONFIG. */
export async function openSharedStore(cache: LocalCache, location: string, env: Env): Promise<Store> {
  const circuit = fileCircuit(cache.path('state', `circuit-${sha256(location).slice(0, 16)}.json`));
  return await openStore(location, { env, circuit });
}

/** The store as an install sees it. Throws CONFIG; everything later is a miss. */
export async function remoteStore(cache: LocalCache, location: string, env: Env): Promise<RemoteStore> {
  return new RemoteStore(cache, await openSharedStore(cache, location, env));
}

class RemoteStore {
  readonly #store: Store;
  readonly #puller: Puller;
  #problem: string | undefined;

  constructor(cache: LocalCache, store: Store) {
    this.#store = store;
    this.#puller = new Puller(cache, store, (problem) => (this.#problem ??= describe(problem)));
  }

  manifests(keys: readonly EntryKey[]): Promise<Map<string, Entry>> {
    return this.#puller.manifests(keys);
  }

  pull(ids: readonly string[]): Promise<Map<string, LocalEntry>> {
    return this.#puller.pull(ids);
  }

  problem(): string | undefined {
    return this.#problem;
  }

  close(): void {
    this.#store.close();
  }
}

function describe(problem: PkgCacheError): string {
  return problem.hint === undefined ? problem.message : `${problem.message} (${problem.hint})`;
}
