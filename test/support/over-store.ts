import type { Store } from '../../src/store/store.ts';

/** A store that does some things in another way than the one behind it. */
export function overStore(store: Store, over: Partial<Store>): Store {
  return {
    label: store.label,
    get: (key, range) => store.get(key, range),
    create: (key, payload) => store.create(key, payload),
    list: (prefix, options) => store.list(prefix, options),
    remove: (key) => store.remove(key),
    tidy: () => store.tidy(),
    now: () => store.now(),
    close: () => store.close(),
    ...over,
  };
}
