import { readFileSync } from 'node:fs';
import type { LocalCache } from '../cache/local.ts';
import { sha256 } from '../hash.ts';
import type { Facts, StoreFacts } from '../store/facts.ts';
import { remember } from './remembered.ts';

/** What all processes with this cache know of the store at a location. Whatever cannot be read counts as nothing known. */
export function factsOf(cache: LocalCache, location: string): StoreFacts {
  const path = cache.path('state', `store-${sha256(location).slice(0, 16)}.json`);
  // What cannot be written is known to this process all the same.
  let known = readFacts(path);
  return {
    read: () => known,
    note: (facts) => {
      known = { ...readFacts(path), ...known, ...facts };
      remember(path, JSON.stringify(known));
    },
  };
}

function readFacts(path: string): Facts {
  try {
    const facts: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return facts instanceof Object && !Array.isArray(facts) ? facts : {};
  } catch {
    return {};
  }
}
