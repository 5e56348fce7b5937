import { lstatSync } from 'node:fs';
import { basename, join } from 'node:path';
import { entryDirs, entryStatus, type EntryStatus } from './listing.ts';
import type { LocalCache, LocalEntry } from './local.ts';
import { discard } from './shelves.ts';
import { Weights } from './weight.ts';

/** What there is not enough of: of the disk, or of what the cache may take. */
export type NoRoom = 'disk' | 'max_size';

/** Where entries of other workers may go. */
export interface Room {
  /**
   * Why there is no room for files of so many bytes in an entry that was used last at a time (epoch milliseconds); undefined: there is, as others may
   * have gone for it. Only for bytes that are known to be there. `onTheWay`: bytes of others that have been let in, and that have not come yet.
   */
  whyNot(bytes: number, used: number, onTheWay?: number): NoRoom | undefined;
  /** As `whyNot`, but nothing goes: why there is none, whatever went. For bytes that somebody only says there are. */
  whyNever(bytes: number, used: number): NoRoom | undefined;
  /** An entry has come. */
  took(local: LocalEntry): void;
}

export interface RoomOptions {
  /** Whether the disk has room to spare for so many bytes more. */
  readonly isOnDisk: (bytes: number) => boolean;
  /** Bytes that the cache may take; 0: as many as there are. */
  readonly maxSize: number;
  /** Whether an entry must stay: it is not in the store yet. */
  readonly isNeeded: (id: string) => boolean;
}

interface Candidate {
  readonly dir: string;
  readonly bytes: number;
  readonly lastUsed: number;
}

/** What the cache holds, and takes. */
interface Looked {
  readonly weights: Weights;
  candidates: Candidate[];
  total: number;
  /** What is invisible, and still on the disk because somebody may be reading it; what went first comes first. */
  readonly going: Candidate[];
}

/**
 * Makes room where there is none: entries are deleted with their ready copies, the least recently used first, and only such as were used before the
 * one that wants to come. One that an install is reading becomes invisible and is deleted later; that room is waited for, instead of more going.
 * Nothing goes where that would not be enough.
 * For a piece of work, not for days: the cache is looked through once.
 */
export class EvictingRoom implements Room {
  readonly #cache: LocalCache;
  readonly #options: RoomOptions;
  #looked: Looked | undefined;

  constructor(cache: LocalCache, options: RoomOptions) {
    this.#cache = cache;
    this.#options = options;
  }

  whyNot(bytes: number, used: number, onTheWay = 0): NoRoom | undefined {
    const wanted = bytes + onTheWay;
    if (this.#whyFull(wanted, 0) === undefined) return undefined;
    const why = this.whyNever(wanted, used);
    if (why !== undefined) return why;
    for (const candidate of this.#olderThan(used)) {
      if (this.#whyFull(wanted, 0, this.#going()) === undefined) break;
      this.#evict(candidate);
    }
    return this.#whyFull(wanted, 0);
  }

  whyNever(bytes: number, used: number): NoRoom | undefined {
    return this.#whyFull(bytes, 0) && this.#whyFull(bytes, bytesOf(this.#olderThan(used)), this.#going());
  }

  took(local: LocalEntry): void {
    if (this.#looked) this.#count(entryStatus(local.dir));
  }

  /** What there would not be enough of for so many bytes, if so many others went, and so many that do not count any more were deleted. */
  #whyFull(wanted: number, freed: number, going = 0): NoRoom | undefined {
    const { isOnDisk, maxSize } = this.#options;
    // While an entry is made, its archive may lie beside its files.
    if (!isOnDisk(2 * wanted - freed - going)) return 'disk';
    return maxSize > 0 && this.#look().total + wanted - freed > maxSize ? 'max_size' : undefined;
  }

  #look(): Looked {
    if (!this.#looked) {
      this.#looked = { weights: new Weights(this.#cache), candidates: [], total: 0, going: [] };
      for (const dir of entryDirs(this.#cache.root)) this.#count(entryStatus(dir));
    }
    return this.#looked;
  }

  #count(entry: EntryStatus): void {
    const looked = this.#look();
    if (entry.status === 'removed') looked.going.push({ dir: entry.path, bytes: entry.size, lastUsed: entry.lastUsed });
    if (entry.status !== 'cached') return;
    const bytes = looked.weights.of(entry);
    looked.total += bytes;
    looked.candidates.push({ dir: entry.path, bytes, lastUsed: entry.lastUsed });
  }

  /** What may go for an entry that was used at a time, the least recently used first. */
  #olderThan(used: number): Candidate[] {
    const { candidates } = this.#look();
    return candidates.filter(({ dir, lastUsed }) => lastUsed < used && !this.#options.isNeeded(basename(dir))).sort((a, b) => a.lastUsed - b.lastUsed);
  }

  /** The bytes of what is invisible and cannot be deleted yet; what can be, is. */
  #going(): number {
    const { going } = this.#look();
    while (going[0] && this.#purge(going[0]) !== 'in use') going.shift();
    return bytesOf(going);
  }

  #purge({ dir }: Candidate): 'purged' | 'in use' | 'gone' {
    try {
      return this.#cache.purge(dir);
    } catch {
      return 'gone'; // Another user's.
    }
  }

  #evict(candidate: Candidate): void {
    const looked = this.#look();
    const { dir, bytes, lastUsed } = candidate;
    looked.candidates = looked.candidates.filter((other) => other !== candidate);
    const now = lstatSync(join(dir, 'entry.json'), { throwIfNoEntry: false })?.mtimeMs;
    if (now !== undefined && now > lastUsed) return void looked.candidates.push({ ...candidate, lastUsed: now }); // an install has come since
    try {
      if (now !== undefined) this.#cache.remove(dir);
      if (this.#cache.purge(dir) === 'in use') looked.going.push(candidate);
      for (const shelf of looked.weights.shelvesOf(dir)) discard(this.#cache, shelf);
      looked.total -= bytes;
    } catch {
      // Another user's.
    }
  }
}

function bytesOf(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, { bytes }) => sum + bytes, 0);
}
