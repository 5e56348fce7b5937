import type { EntryKey } from '../../cache/entry.ts';
import type { NoRoom, Room } from '../../cache/evict.ts';
import { holding } from '../../cache/claim.ts';
import type { LocalCache } from '../../cache/local.ts';
import { PkgCacheError, systemCode } from '../../errors.ts';
import type { Store } from '../../store/store.ts';
import { IN_MEMORY, MAX_ORIGINAL, received, unpackedSize } from '../buffers.ts';
import type { Pace } from '../pace.ts';
import type { Unpacker, Unpacking } from '../unpacker.ts';
import type { Member, SnapshotIndex } from './format.ts';
import { end, plan, type Stretch } from './plan.ts';
import { BodyReader } from './stream.ts';

export interface UnpackRequest {
  readonly cache: LocalCache;
  readonly store: Store;
  readonly unpacker: Unpacker;
  /** Whether an entry may be had from elsewhere. */
  readonly allowed: (key: EntryKey) => boolean;
  readonly room: Room;
  readonly pace: Pace;
  /** How far the store's clock is ahead of ours, in milliseconds. */
  readonly ahead: number;
  /** What went wrong with a single entry. */
  readonly report: (problem: PkgCacheError) => void;
  readonly progress: (progress: Progress) => void;
}

/** How far it is; of what is there already nothing counts. Bytes are those of the pack. */
export interface Progress {
  readonly entries: number;
  readonly bytes: number;
  readonly ofEntries: number;
  readonly ofBytes: number;
}

/** What became of a snapshot: entries that were there before, are there now, and are not. `full`: why it ended before its end. */
export interface Unpacked {
  readonly present: number;
  readonly made: number;
  readonly failed: number;
  readonly full: NoRoom | undefined;
}

/** How many stretches of a pack are read at once. */
const AT_ONCE = 8;

/** How often a stretch is begun again after the store failed in the middle of it. */
const TRIES = 3;

/**
 * Brings what is not in the local cache out of a snapshot, several stretches at a time. Every entry is checked against its manifest,
 * file by file, and published as soon as it is there; so what was interrupted goes on where it was. What is wrong with one entry costs
 * that entry. Throws STORE_* when the store fails for good, and what `pace` throws.
 */
export async function unpackSnapshot(request: UnpackRequest, index: SnapshotIndex): Promise<Unpacked> {
  const allowed = index.members.filter(({ entry }) => request.allowed(entry.key));
  const wanted = allowed.filter(({ entry }) => !request.cache.lookup(entry.key));
  return await new UnpackRun(request, index, wanted, allowed.length - wanted.length).run();
}

class UnpackRun {
  readonly #request: UnpackRequest;
  readonly #pack: SnapshotIndex['pack'];
  readonly #queue: Stretch[];
  readonly #total: { entries: number; bytes: number };
  readonly #present: number;
  #made = 0;
  #done = 0;
  #bytes = 0;
  #full: NoRoom | undefined;
  /** Bytes of those that are on their way. */
  #reserved = 0;
  readonly #waiting: (() => void)[] = [];
  #failure: Error | undefined;

  constructor(request: UnpackRequest, { pack }: SnapshotIndex, wanted: readonly Member[], present: number) {
    this.#request = request;
    this.#pack = pack;
    this.#queue = plan(wanted);
    this.#total = { entries: wanted.length, bytes: wanted.reduce((sum, { size }) => sum + size, 0) };
    this.#present = present;
  }

  async run(): Promise<Unpacked> {
    this.#request.unpacker.expect(this.#total.bytes);
    this.#tell();
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#work()));
    if (this.#failure !== undefined) throw this.#failure;
    return { present: this.#present, made: this.#made, failed: this.#total.entries - this.#made, full: this.#full };
  }

  /** One failure ends it for all; nobody is left at work when it is told. */
  async #work(): Promise<void> {
    try {
      for (let next = this.#queue.shift(); next !== undefined && !this.#isOver; next = this.#queue.shift()) await this.#stretch(next);
    } catch (error) {
      this.#failure ??= error as Error;
    }
  }

  get #isOver(): boolean {
    return this.#full !== undefined || this.#failure !== undefined;
  }

  /** Whatever is not done when the store fails is tried again. */
  async #stretch({ members, tries }: Stretch): Promise<void> {
    let position = members[0]?.at ?? 0;
    let done = 0;
    let arrived = 0; // of the member at hand
    try {
      await this.#request.pace.between();
      const last = members.at(-1);
      const object = last && (await this.#request.store.get(this.#pack.key, { start: position, length: end(last) - position }));
      if (!object) throw new PkgCacheError('ARCHIVE_INVALID', 'the snapshot is gone');
      try {
        const reader = new BodyReader(object.body, (bytes) => {
          arrived += bytes;
          this.#tell(bytes);
        });
        for (const member of members) {
          if (this.#isOver) return;
          await reader.skip(member.at - position);
          await this.#member(member, reader);
          this.#done++;
          this.#tell(member.size - arrived);
          arrived = 0;
          position = end(member);
          done++;
        }
      } finally {
        object.body.destroy();
      }
    } catch (error) {
      this.#tell(-arrived);
      if (error instanceof PkgCacheError && error.code === 'ARCHIVE_INVALID') return this.#request.report(error);
      if (!(error instanceof PkgCacheError) || error.code !== 'STORE_UNAVAILABLE' || tries + 1 >= TRIES) throw error;
      this.#queue.push({ members: members.slice(done), tries: done > 0 ? 0 : tries + 1 });
    }
  }

  /** `bytes` more have arrived. */
  #tell(bytes = 0): void {
    this.#bytes += bytes;
    this.#request.progress({ entries: this.#done, bytes: this.#bytes, ofEntries: this.#total.entries, ofBytes: this.#total.bytes });
  }

  async #member(member: Member, reader: BodyReader): Promise<void> {
    const { cache, pace, ahead, room } = this.#request;
    const { key } = member.entry;
    await pace.between();
    // Somebody else may be at it: then it is not for us to do.
    const claim = cache.lookup(key) ? undefined : cache.claimEntry(key, 'background');
    await (claim ? holding(claim, () => this.#claimed(member, reader)) : reader.skip(member.size));
    const made = cache.lookup(key);
    if (made) this.#made++;
    // Not used here yet: what counts is when it was used elsewhere.
    if (made && claim) {
      cache.touch(made, member.used - ahead);
      room.took(made);
    }
  }

  async #claimed(member: Member, reader: BodyReader): Promise<void> {
    // The store has begun to send what the pack has of it.
    const bytes = member.entry.archive.sha512 === undefined ? member.entry.size : unpackedSize(member.entry.size, member.size);
    if (!(await this.#reserve(bytes, member.used - this.#request.ahead))) return;
    try {
      await this.#make(member, reader);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#full = 'disk';
    } finally {
      this.#reserved -= bytes;
      for (const look of this.#waiting.splice(0)) look();
    }
  }

  /** Whether there is room besides what is on its way already; waits for that to arrive before it gives up. */
  async #reserve(bytes: number, used: number): Promise<boolean> {
    while (!this.#isOver) {
      const why = this.#request.room.whyNot(bytes, used, this.#reserved);
      if (why === undefined) {
        this.#reserved += bytes;
        return true;
      }
      if (this.#reserved === 0) this.#full = why;
      else await new Promise<void>((look) => this.#waiting.push(look));
    }
    return false;
  }

  async #make(member: Member, reader: BodyReader): Promise<void> {
    const isOriginal = member.entry.archive.sha512 !== undefined;
    if (isOriginal && member.size > MAX_ORIGINAL) return await reader.skip(member.size);
    if (!isOriginal && member.size > IN_MEMORY) return await this.#unpackFile(member, reader);
    await received.use(member.size, async (bytes) => {
      await reader.fill(bytes);
      const { entry } = member;
      await this.#unpack(member, isOriginal ? { kind: 'original', key: entry.key, meta: entry.meta, bytes } : { kind: 'archive', entry, source: { bytes } });
    });
  }

  /** All of an archive is taken from the reader before anything can fail that is the entry's fault. */
  async #unpackFile(member: Member, reader: BodyReader): Promise<void> {
    await this.#request.cache.withArchive(member.entry.key, async (path) => {
      await reader.save(member.size, path);
      await this.#unpack(member, { kind: 'archive', entry: member.entry, source: { path } });
    });
  }

  /** What is wrong with an entry is told, and no more; a disk that is full concerns all. */
  async #unpack({ entry }: Member, unpacking: Unpacking): Promise<void> {
    try {
      await this.#request.unpacker.unpack(unpacking);
    } catch (error) {
      if (isFull(error)) this.#full = 'disk';
      else this.#request.report(error instanceof PkgCacheError ? error : new PkgCacheError('ARCHIVE_INVALID', `${entry.key.name} cannot be unpacked`, { cause: error }));
    }
  }
}

function isFull(error: unknown): boolean {
  const cause = error instanceof PkgCacheError ? error.cause : error;
  return ['ENOSPC', 'EDQUOT'].includes(systemCode(cause) ?? '');
}
