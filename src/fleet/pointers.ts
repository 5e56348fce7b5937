import { readFileSync } from 'node:fs';
import type { EntryKey } from '../cache/entry.ts';
import type { LocalCache } from '../cache/local.ts';
import { sha256 } from '../hash.ts';
import type { Listed, Store } from '../store/store.ts';
import { MAX_POINTER, decodePointer, type Pointer } from './objects.ts';
import { remember } from './remembered.ts';
import { readSmall } from './small.ts';

/** What of a pointer has to be known to go through a store. */
export interface Target {
  readonly archive: Pointer['archive'];
  /** Bytes of the entry's files. */
  readonly size: number;
}

/** Hex digits of the hash over a pointer's key and state that are kept. */
const DIGITS = 32;

/** The most that is remembered (some 12 MB); what was met with last matters most. */
const MOST = 100_000;

const LINE = /^([0-9a-f]{32}) ([0-9a-f]{64}) (\d{1,16}) (\d{1,16})$/;

/**
 * What the pointers of a store lead to, of those that this worker has read: a pointer never changes, so that its listing (key, size, time and
 * ETag) says whether it is the one that was read. One file for each location: the hash of what follows, and a line for each pointer. Losing it costs requests.
 */
export class KnownPointers {
  readonly #path: string;
  #read: Map<string, Target> | undefined;
  #changed = false;

  constructor(cache: LocalCache, location: string) {
    this.#path = cache.path('state', `pointers-${sha256(location).slice(0, 16)}`);
  }

  get #targets(): Map<string, Target> {
    return (this.#read ??= readTargets(this.#path));
  }

  /** Undefined for one that was not read, may be another one by now, or that the store does not tell apart. */
  get(object: Listed): Target | undefined {
    const id = idOf(object);
    const target = id === undefined ? undefined : this.#targets.get(id);
    if (id === undefined || target === undefined) return undefined;
    // To the end, where those are that are kept.
    this.#targets.delete(id);
    this.#targets.set(id, target);
    return target;
  }

  note(object: Listed, { archive, size }: Target): void {
    const id = idOf(object);
    if (id === undefined) return;
    this.#changed = true;
    this.#targets.delete(id);
    this.#targets.set(id, { archive: { sha256: archive.sha256, size: archive.size }, size });
  }

  /** That it cannot be written is no error. */
  save(): void {
    if (!this.#changed) return;
    const kept = [...this.#targets].slice(-MOST);
    const lines = kept.map(([id, { archive, size }]) => `${id} ${archive.sha256} ${archive.size} ${size}\n`).join('');
    this.#changed = !remember(this.#path, `${sha256(lines)}\n${lines}`);
  }
}

/** What a pointer leads to, by the memory where it is there; undefined for one that is gone. Throws ARCHIVE_INVALID, STORE_*. */
export async function targetOf(store: Store, object: Listed, key: EntryKey, known?: KnownPointers): Promise<Target | undefined> {
  return known?.get(object) ?? (await readTarget(store, object, key, known));
}

/** As `targetOf`, but always reads it. */
export async function readTarget(store: Store, object: Listed, key: EntryKey, known?: KnownPointers): Promise<Target | undefined> {
  const bytes = await readSmall(store, object.key, MAX_POINTER);
  if (!bytes) return undefined;
  const { archive, entry } = decodePointer(bytes, key);
  const target = { archive, size: entry.size };
  // If somebody has replaced it since it was listed: the one that was listed is never met with again.
  known?.note(object, target);
  return target;
}

function idOf({ key, size, modified, tag }: Listed): string | undefined {
  return tag === undefined ? undefined : sha256(JSON.stringify([key, size, modified, tag])).slice(0, DIGITS);
}

/** Nothing, where there is no file or a damaged one. */
function readTargets(path: string): Map<string, Target> {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Nothing is known yet.
  }
  const lines = text.slice(text.indexOf('\n') + 1);
  if (sha256(lines) !== text.slice(0, text.indexOf('\n'))) return new Map();
  return new Map(lines.split('\n').flatMap((line): [string, Target][] => {
    const [, id = '', hash = '', archive = '', size = ''] = LINE.exec(line) ?? [];
    return id === '' ? [] : [[id, { archive: { sha256: hash, size: Number(archive) }, size: Number(size) }]];
  }));
}
