import { readFileSync } from 'node:fs';
import type { LocalCache } from '../cache/local.ts';
import { sha256 } from '../hash.ts';
import { remember } from './remembered.ts';

/** Digits of an id that are kept. */
const DIGITS = 32;

/** What nobody has mentioned for so long is asked for again, in milliseconds. */
const FORGET = 30 * 86_400_000;

/**
 * The entries that a store is known to have, and when somebody last wrote in the journal that they are in use (epoch milliseconds by the
 * store's clock). One file for each location: a line per entry, with the beginning of its id and the time. Losing it costs requests.
 */
export class Known {
  readonly #path: string;
  #read: Map<string, number> | undefined;
  #changed = false;
  readonly #doubted = new Set<string>();

  constructor(cache: LocalCache, location: string) {
    this.#path = cache.path('state', `known-${sha256(location).slice(0, 16)}`);
  }

  get #times(): Map<string, number> {
    return (this.#read ??= new Map(readLines(this.#path)));
  }

  /** Undefined if nothing is known of the entry. */
  mentionedAt(id: string): number | undefined {
    return this.#times.get(id.slice(0, DIGITS));
  }

  mention(id: string, time: number): void {
    const short = id.slice(0, DIGITS);
    if ((this.#times.get(short) ?? -Infinity) >= time) return;
    this.#times.set(short, Math.round(time));
    this.#changed = true;
  }

  /** The latest of all times; undefined if nothing is known. */
  latest(): number | undefined {
    let latest: number | undefined;
    for (const time of this.#times.values()) latest = Math.max(latest ?? time, time);
    return latest;
  }

  /** The store may not have it any more: it is asked for before anybody is told that it has. */
  forget(id: string): void {
    if (this.#times.delete(id.slice(0, DIGITS))) this.#changed = true;
    this.#doubted.add(id.slice(0, DIGITS));
  }

  /** Whether somebody has missed it in the store: that its pointer is listed is not enough then. Remembered until this process ends. */
  isDoubted(id: string): boolean {
    return this.#doubted.has(id.slice(0, DIGITS));
  }

  /** The store is not the one that it was: nothing is known of it. */
  clear(): void {
    this.#changed ||= this.#times.size > 0;
    this.#times.clear();
  }

  /** What was mentioned after a time has not come yet, and was written by a clock that was wrong. */
  forgetAfter(time: number): void {
    for (const [id, mentioned] of this.#times) if (mentioned > time) this.#changed = this.#times.delete(id);
  }

  /** `now` is by the store's clock. That it cannot be written is no error. */
  save(now: number): void {
    if (!this.#changed) return;
    const lines = [...this.#times].filter(([, time]) => now - time < FORGET).map(([id, time]) => `${id} ${time}\n`);
    this.#changed = !remember(this.#path, lines.join(''));
  }
}

function readLines(path: string): [string, number][] {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Nothing is known yet.
  }
  return text.split('\n').flatMap((line): [string, number][] => {
    const [id = '', time = ''] = line.split(' ');
    return id.length === DIGITS && /^\d+$/.test(time) ? [[id, Number(time)]] : [];
  });
}
