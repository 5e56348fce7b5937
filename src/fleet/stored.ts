import { LAYOUT, type Entry } from '../cache/entry.ts';
import type { Store } from '../store/store.ts';
import { originalKey, pointerKey } from './objects.ts';

/**
 * What a store has, as it lists it: asked for a kind of object at a time, when the first one of that is asked for. `worth`: how many pages it may
 * take; where the store has much more than is asked for, asking for each is cheaper, and nothing counts as listed.
 */
export class Listing {
  readonly #store: Store;
  #pages: number;
  readonly #found = new Map<string, Promise<ReadonlySet<string>>>();

  constructor(store: Store, worth: number) {
    this.#store = store;
    this.#pages = worth;
  }

  /** Whether the entry is listed: its pointer, which is created last, or its archive as the registry has it. Throws STORE_*. */
  async has({ key, archive }: Entry): Promise<boolean> {
    const isOriginal = archive.sha512 !== undefined;
    const prefix = isOriginal ? `v${LAYOUT}/originals/` : `v${LAYOUT}/${key.ecosystem}/${key.platform}/`;
    const found = this.#found.get(prefix) ?? this.#list(prefix);
    this.#found.set(prefix, found);
    return (await found).has(isOriginal ? originalKey(archive.sha512) : pointerKey(key));
  }

  async #list(prefix: string): Promise<ReadonlySet<string>> {
    const keys = new Set<string>();
    for (let after: string | undefined, more = true; more; more = after !== undefined) {
      if (this.#pages-- <= 0) return new Set();
      const page = await this.#store.list(prefix, { after });
      for (const { key } of page.objects) keys.add(key);
      after = page.next;
    }
    return keys;
  }
}
