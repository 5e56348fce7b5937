import { entryId, type EntryKey } from '../cache/entry.ts';
import type { PkgCacheError } from '../errors.ts';
import type { Fleet } from './fleet.ts';
import { readJournal, writeLost, type Record, type Ref } from './journal.ts';
import { Puller, type Make } from './pull.ts';
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
    const wanted = all.filter((each) => this.#isWanted(each, now));
    for (let at = 0; at < wanted.length; at += BATCH) {
      await pace.between();
      const batch = this.#fitting(wanted.slice(at, at + BATCH), now - Date.now());
      const got = await fetchAll(this.#fleet, batch, now - Date.now());
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

  /** What of a batch there is room for, all together. */
  #fitting(batch: readonly Wanted[], ahead: number): Wanted[] {
    const { room, leftOut } = this.#fleet;
    let onTheWay = 0;
    return batch.filter(({ ref, time }) => {
      const why = room.whyNot(ref.size, time - ahead, onTheWay);
      this.#tried.add(entryId(ref.key));
      if (why === undefined) onTheWay += ref.size;
      else if (why === 'disk') leftOut.note(ref, time);
      else this.#leaveOver(ref);
      return why === undefined;
    });
  }

  /** That is not waited for: what is used again is mentioned again. */
  #leaveOver({ key }: Ref): void {
    this.#fleet.leftOut.forget(entryId(key));
    this.#over++;
  }

  #account(batch: readonly Wanted[], { ids, isClean }: Got): void {
    const { leftOut, cache } = this.#fleet;
    for (const { ref, time } of batch) {
      if (ids.has(entryId(ref.key))) leftOut.forget(entryId(ref.key));
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
  /** Whether nothing else was wrong with the others than that the store does not have them. */
  readonly isClean: boolean;
}

/** Brings down some entries, and says which came. `ahead`: how far the store's clock is ahead of ours, in milliseconds. */
async function fetchAll({ cache, store, unpacker, room, log }: Fleet, wanted: readonly Wanted[], ahead: number): Promise<Got> {
  let failure: PkgCacheError | undefined;
  let isClean = true;
  const puller = new Puller(cache, store, unpacker, (problem) => {
    log(`sync: ${problem.message}`);
    isClean = false;
    if (problem.code.startsWith('STORE_')) failure ??= problem;
  }, 'background');
  const originals = new Map(wanted.flatMap(({ ref }) => (ref.original ? [[entryId(ref.key), ref.original] as const] : [])));
  const others = wanted.flatMap(({ ref }) => (ref.original ? [] : [ref.key]));
  const wantedOriginals = wanted.flatMap(({ ref: { key, original } }) => (original ? [{ key, sha512: original.sha512 }] : []));
  const make: Make = async ({ key }, bytes) => {
    await unpacker.unpack({ kind: 'original', key, meta: originals.get(entryId(key))?.meta, bytes });
    return cache.lookup(key);
  };
  const manifests = await puller.manifests(others);
  const got = [...(await puller.pull([...manifests.keys()])), ...(await puller.pullOriginals(wantedOriginals, make))];
  // Not used here yet: what counts is when it was used elsewhere.
  const used = new Map(wanted.map(({ ref, time }) => [entryId(ref.key), time - ahead]));
  for (const [id, local] of got) {
    cache.touch(local, used.get(id));
    room.took(local);
  }
  if (failure) throw failure;
  return { ids: new Set(got.map(([id]) => id)), isClean };
}
