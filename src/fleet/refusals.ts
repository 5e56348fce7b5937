import { readFileSync } from 'node:fs';
import type { LocalCache } from '../cache/local.ts';
import { sha256 } from '../hash.ts';
import { remember } from './remembered.ts';

/** An entry that could not be uploaded for a reason of its own. */
export interface Refusal {
  readonly id: string;
  /** As its ecosystem writes it. */
  readonly what: string;
  readonly why: string;
  /** How often it was refused. 0: the store failed while it was at hand, which may be its fault, so that others come first. */
  readonly tries: number;
  /** When it was tried last, in epoch milliseconds by our own clock. */
  readonly at: number;
}

/** After a refusal an upload is tried again after so long, then after twice as long, and so on up to a day. In milliseconds. */
const FIRST_PAUSE = 600_000;
const LONGEST_PAUSE = 86_400_000;

/** The most that is remembered. */
const MOST = 5000;

/**
 * The entries that a store has refused, in a file for each location of a store. Losing it costs a try for each. `afresh`: somebody asks by
 * name, so that each is tried once more, whatever the time.
 */
export class Refusals {
  readonly #path: string;
  readonly #afresh: boolean;
  readonly #tried = new Set<string>();

  constructor(cache: LocalCache, location: string, { afresh = false } = {}) {
    this.#path = cache.path('state', `refused-${sha256(location).slice(0, 16)}.json`);
    this.#afresh = afresh;
  }

  /** By id. */
  all(): Map<string, Refusal> {
    return new Map(readRefusals(this.#path).map((refusal) => [refusal.id, refusal]));
  }

  /** Those of `ids` whose time has come; what was refused, or was at hand when the store failed, comes last. */
  due(ids: readonly string[], now = Date.now()): string[] {
    const refused = this.all();
    const isDue = (id: string): boolean => {
      const { at = 0, tries = 0 } = refused.get(id) ?? {};
      if (this.#afresh) return !this.#tried.has(id) || tries === 0;
      return Math.abs(now - at) >= pauseAfter(tries);
    };
    const due = ids.filter(isDue);
    return [...due.filter((id) => !refused.has(id)), ...due.filter((id) => refused.has(id))];
  }

  /** It was refused. */
  note(id: string, what: string, why: string): void {
    this.#tried.add(id);
    this.#set(id, what, why, 1);
  }

  /** The store failed while this was at hand. */
  noteFailure(id: string, what: string, why: string): void {
    this.#set(id, what, why, 0);
  }

  /** It is stored, or gone. */
  forget(ids: Iterable<string>): void {
    const all = this.all();
    const before = all.size;
    for (const id of ids) all.delete(id);
    if (all.size !== before) this.#save(all);
  }

  #set(id: string, what: string, why: string, more: number): void {
    const all = this.all();
    all.set(id, { id, what, why, tries: (all.get(id)?.tries ?? 0) + more, at: Date.now() });
    this.#save(all);
  }

  /** That it cannot be written is no error. */
  #save(all: ReadonlyMap<string, Refusal>): void {
    remember(this.#path, JSON.stringify([...all.values()].slice(-MOST)));
  }
}

function pauseAfter(tries: number): number {
  return tries === 0 ? 0 : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1));
}

function readRefusals(path: string): Refusal[] {
  try {
    const all: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Array.isArray(all) ? all.filter(isRefusal) : [];
  } catch {
    return []; // Nothing was refused yet.
  }
}

function isRefusal(value: unknown): value is Refusal {
  const { id, what, why, tries, at } = (value ?? {}) as Partial<Record<keyof Refusal, unknown>>;
  return [id, what, why].every((each) => typeof each === 'string') && Number.isSafeInteger(tries) && Number.isFinite(at);
}
