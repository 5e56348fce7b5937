import { entryId, type EntryKey } from '../cache/entry.ts';
import type { NoRoom } from '../cache/evict.ts';
import type { LocalEntry } from '../cache/local.ts';
import type { PkgCacheError } from '../errors.ts';
import { unpackedSize } from './buffers.ts';
import type { Fleet } from './fleet.ts';
import { readJournal, writeLost, type Record, type Ref } from './journal.ts';
import { Puller, type Admit, type Make } from './pull.ts';
import { mayWrite } from './may-write.ts';
import { ifAllowed } from './tend/remove.ts';

/** How many entries are asked for before others get their turn. */
const BATCH = 64;

/** An entry that others have, and when it was mentioned last (epoch milliseconds by the store's clock). */
interface Wanted {
  readonly ref: Ref;
  readonly time: number;
}

/** What was brought down, and what was not. */
export interface BroughtDown {
  /** Entries that are here now. */
  readonly down: number;
  /** Entries that others have, and for which the disk has no room, or which could not be had. */
  readonly behind: number;
  /** Entries that are too much for `max_size`. */
  readonly over: number;
}

/**
 * Brings down the entries that the journals have mentioned since the last time, and remembers how far they were read; then what could not be brought
 * down before. Where the disk has no room to spare the rest is left out until it has; an install that wants it still finds it in the store.
 * `progress` hears how many have come. Throws STORE_*, and what `pace` throws.
 */
export async function bringDown(fleet: Fleet, progress: (down: number) => void = () => undefined): Promise<BroughtDown> {
  const run = new Run(fleet, progress);
  try {
    for (const group of [fleet.group, fleet.everywhere]) await run.read(group);
    await run.compare();
    await run.tryAgain();
    await run.tellLost();
  } finally {
    fleet.leftOut.save();
  }
  return run.done;
}

class Run {
  readonly #fleet: Fleet;
  readonly #progress: (down: number) => void;
  /** What this run has tried to bring down. */
  readonly #tried = new Set<string>();
  readonly #lost: EntryKey[] = [];
  #down = 0;
  #over = 0;

  constructor(fleet: Fleet, progress: (down: number) => void) {
    this.#fleet = fleet;
    this.#progress = progress;
  }

  get done(): BroughtDown {
    return { down: this.#down, behind: this.#fleet.leftOut.size, over: this.#over };
  }

  async read(group: string): Promise<void> {
    const { store, state, known, leftOut, settings, log } = this.#fleet;
    const since = async (): Promise<number> => (await store.now()) - settings.syncWindow;
    const report = (problem: PkgCacheError): void => log(`sync: ${problem.message}`);
    for await (const { records, position } of readJournal({ store, group, since, report, lost: () => this.#startAnew() }, state.position(group))) {
      for (const { refs, lost, time } of records) {
        for (const key of lost) known.forget(entryId(key));
        for (const { key } of refs) known.mention(entryId(key), time);
      }
      await this.#bring(mentioned(records));
      leftOut.save(); // before it counts as read
      state.moveTo(group, position);
    }
  }

  /** Where no journal has anything, but something was known: whoever emptied the store did so before a record of it was read here. */
  async compare(): Promise<void> {
    const { store, state, known, settings, group, everywhere } = this.#fleet;
    const latest = known.latest();
    if (latest === undefined || [group, everywhere].some((of) => state.position(of).journal !== undefined)) return;
    if (latest > (await store.now()) - settings.syncWindow) this.#startAnew();
  }

  /** The store has lost what it had, or is another one under the same name: all that is here is offered to it again. */
  #startAnew(): void {
    const { known, state, log } = this.#fleet;
    log('sync: the store does not have any more what it had; what is here is stored again');
    known.clear();
    state.update({ live: undefined });
  }

  /** What several syncs did not find in the store, though somebody had written down that it is there: whoever has it stores it again. */
  async tellLost(): Promise<void> {
    const { store, group, everywhere } = this.#fleet;
    if (this.#lost.length === 0 || !mayWrite(this.#fleet)) return;
    const now = await store.now();
    const tell = async (of: string, fitsAll: boolean): Promise<void> => await writeLost(store, of, this.#lost.filter(({ platform }) => (platform === 'any') === fitsAll), now);
    await ifAllowed(async () => {
      await tell(group, false);
      await tell(everywhere, true);
    }, () => undefined);
  }

  async tryAgain(): Promise<void> {
    const again = this.#fleet.leftOut.all().filter(({ ref }) => !this.#tried.has(entryId(ref.key)));
    await this.#bring(again);
  }

  async #bring(all: readonly Wanted[]): Promise<void> {
    const { store, pace } = this.#fleet;
    if (all.length === 0) return;
    const now = await store.now();
    const ahead = now - Date.now();
    const wanted = all.filter((each) => this.#isWanted(each, now));
    for (let at = 0; at < wanted.length; at += BATCH) {
      await pace.between();
      const batch = this.#fitting(wanted.slice(at, at + BATCH), ahead);
      const got = await new Batch(this.#fleet, batch, ahead).fetch();
      this.#account(batch, got);
      this.#progress((this.#down += got.ids.size));
    }
  }

  /** Not what is here, nor what nobody has used for long, nor what must not be shared. */
  #isWanted({ ref: { key }, time }: Wanted, now: number): boolean {
    const { cache, allowed, leftOut, settings } = this.#fleet;
    const isWanted = now - time <= settings.syncWindow && allowed(key) && !cache.byId(entryId(key));
    if (!isWanted) leftOut.forget(entryId(key));
    return isWanted;
  }

  /** What of a batch there is room for, if each is as large as is said: nothing goes on somebody's word, and what is too much anyway is not asked for. */
  #fitting(batch: readonly Wanted[], ahead: number): Wanted[] {
    return batch.filter((wanted) => {
      const why = this.#fleet.room.whyNever(wanted.ref.size, wanted.time - ahead);
      this.#tried.add(entryId(wanted.ref.key));
      if (why !== undefined) this.#leaveOut(wanted, why);
      return why === undefined;
    });
  }

  /** What is too much for `max_size` is not waited for: what is used again is mentioned again. */
  #leaveOut({ ref, time }: Wanted, why: NoRoom): void {
    const { leftOut } = this.#fleet;
    if (why === 'disk') return leftOut.note(ref, time);
    leftOut.forget(entryId(ref.key));
    this.#over++;
  }

  #account(batch: readonly Wanted[], { ids, refused, isClean }: Got): void {
    const { leftOut, cache } = this.#fleet;
    for (const wanted of batch) {
      const { ref, time } = wanted;
      const why = refused.get(entryId(ref.key));
      if (ids.has(entryId(ref.key))) leftOut.forget(entryId(ref.key));
      else if (why !== undefined) this.#leaveOut(wanted, why);
      else if (leftOut.noteTried(ref, time) && isClean && cache.whyNot(ref.key) === undefined) this.#lost.push(ref.key);
    }
  }
}

/** What records, which come in the order of time, have mentioned: each once, what was used last first. */
function mentioned(records: readonly Record[]): Wanted[] {
  const found = new Map<string, Wanted>();
  for (const { refs, time } of records) for (const ref of refs) found.set(entryId(ref.key), { ref, time });
  return [...found.values()].sort((a, b) => b.time - a.time);
}

interface Got {
  /** Of entries that came. */
  readonly ids: ReadonlySet<string>;
  /** For which there was no room once it was known how large they are. */
  readonly refused: ReadonlyMap<string, NoRoom>;
  /** Whether nothing else was wrong with the others than that the store does not have them. */
  readonly isClean: boolean;
}

/** Some entries that are brought down together. */
class Batch {
  readonly #fleet: Fleet;
  readonly #wanted: ReadonlyMap<string, Wanted>;
  readonly #ahead: number;
  readonly #refused = new Map<string, NoRoom>();
  readonly #came = new Set<string>();
  /** Bytes of what has been let in, and has not come yet. */
  #onTheWay = 0;
  #failure: PkgCacheError | undefined;
  #isClean = true;

  /** `ahead`: how far the store's clock is ahead of ours, in milliseconds. */
  constructor(fleet: Fleet, wanted: readonly Wanted[], ahead: number) {
    this.#fleet = fleet;
    this.#wanted = new Map(wanted.map((each) => [entryId(each.ref.key), each]));
    this.#ahead = ahead;
  }

  /** Those that were used last first, nearly. Throws STORE_*. */
  async fetch(): Promise<Got> {
    const { cache, store, unpacker } = this.#fleet;
    const puller = new Puller(cache, store, unpacker, (problem) => this.#note(problem), 'background', this.#admit);
    const refs = [...this.#wanted.values()].map(({ ref }) => ref);
    const manifests = await puller.manifests(refs.flatMap(({ key, original }) => (original ? [] : [key])));
    const archives = await puller.pull([...this.#wanted.keys()].filter((id) => manifests.has(id)));
    const originals = await puller.pullOriginals(refs.flatMap(({ key, original }) => (original ? [{ key, sha512: original.sha512 }] : [])), this.#make);
    for (const [id, local] of [...archives, ...originals]) this.#settle(id, local);
    if (this.#failure) throw this.#failure;
    return { ids: this.#came, refused: this.#refused, isClean: this.#isClean };
  }

  #note(problem: PkgCacheError): void {
    this.#fleet.log(`sync: ${problem.message}`);
    this.#isClean = false;
    if (problem.code.startsWith('STORE_')) this.#failure ??= problem;
  }

  readonly #admit: Admit = async (key, bytes, work) => {
    const id = entryId(key);
    const { ref, time } = this.#wanted.get(id) as Wanted;
    const size = ref.original ? unpackedSize(ref.size, bytes) : bytes;
    const why = this.#fleet.room.whyNot(size, time - this.#ahead, this.#onTheWay);
    if (why !== undefined) return void this.#refused.set(id, why);
    this.#onTheWay += size;
    try {
      const local = await work();
      if (local) this.#settle(id, local);
      return local;
    } finally {
      this.#onTheWay -= size;
    }
  };

  readonly #make: Make = async ({ key }, bytes) => {
    const { cache, unpacker } = this.#fleet;
    await unpacker.unpack({ kind: 'original', key, meta: this.#wanted.get(entryId(key))?.ref.original?.meta, bytes });
    return cache.lookup(key);
  };

  /** It is here. Not used here yet: what counts is when it was used elsewhere. */
  #settle(id: string, local: LocalEntry): void {
    if (this.#came.has(id)) return;
    this.#came.add(id);
    this.#fleet.cache.touch(local, (this.#wanted.get(id)?.time ?? 0) - this.#ahead);
    this.#fleet.room.took(local);
  }
}
