import { entryId } from '../cache/entry.ts';
import type { LocalCache } from '../cache/local.ts';
import { sha256 } from '../hash.ts';
import { REF, type Ref } from './journal.ts';
import { remember } from './remembered.ts';
import { count, finite, isA, list, object, readA } from '../shape.ts';

/** An entry that others have and that could not be brought down. */
export interface Missed {
  readonly ref: Ref;
  /** When somebody last said that it is in use: epoch milliseconds by the store's clock. */
  readonly time: number;
  /** How often it was tried to get it; where the disk had no room, it was not. */
  readonly tries: number;
}

/** What cannot be had so often is given up until it is mentioned again: it is damaged, or gone. */
const TRIES = 3;

/** The most that is remembered; what was used last matters most. */
const MOST = 5000;

/**
 * What a worker has read of in a journal or a snapshot and could not bring down, so that it comes when that is possible: nobody reads a journal
 * twice. One file for each location of a store. Losing it delays entries until somebody mentions them again.
 */
export class LeftOut {
  readonly #path: string;
  #read: Map<string, Missed> | undefined;
  #changed = false;

  constructor(cache: LocalCache, location: string) {
    this.#path = cache.path('state', `left-out-${sha256(location).slice(0, 16)}.json`);
  }

  get #missed(): Map<string, Missed> {
    return (this.#read ??= new Map(readMissed(this.#path).map((missed) => [entryId(missed.ref.key), missed])));
  }

  get size(): number {
    return this.#missed.size;
  }

  /** What was used last comes first. */
  all(): Missed[] {
    return [...this.#missed.values()].sort((a, b) => b.time - a.time);
  }

  /** There was no room for it. */
  note(ref: Ref, time: number): void {
    this.#set({ ref, time, tries: this.#missed.get(entryId(ref.key))?.tries ?? 0 });
  }

  /** It could not be had; whether it is given up. */
  noteTried(ref: Ref, time: number): boolean {
    const id = entryId(ref.key);
    const before = this.#missed.get(id);
    const tries = before?.time === time ? before.tries + 1 : 1;
    if (tries >= TRIES) this.forget(id);
    else this.#set({ ref, time, tries });
    return tries >= TRIES;
  }

  #set(missed: Missed): void {
    this.#missed.set(entryId(missed.ref.key), missed);
    this.#changed = true;
  }

  /** It is here, or is not wanted any more. */
  forget(id: string): void {
    if (this.#missed.delete(id)) this.#changed = true;
  }

  /** That it cannot be written is no error. */
  save(): void {
    this.#changed &&= !remember(this.#path, JSON.stringify(this.all().slice(0, MOST)));
  }
}

/** Nothing, as long as nothing was left out. */
function readMissed(path: string): Missed[] {
  return (readA(list<unknown>(() => undefined), path) ?? []).filter((missed) => isA(MISSED, missed));
}

const MISSED = object<Missed>({ ref: REF, time: finite, tries: count });
