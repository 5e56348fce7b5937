import { entryId } from '../cache/entry.ts';
import type { PkgCacheError } from '../errors.ts';
import type { Fleet } from './fleet.ts';
import { readJournal, type Record, type Ref } from './journal.ts';
import { Puller, type Make } from './pull.ts';

/** How many entries are asked for before others get their turn. */
const BATCH = 64;

/** An entry that others have, and when it was mentioned last (epoch milliseconds by our own clock). */
interface Wanted {
  readonly ref: Ref;
  readonly used: number;
}

/**
 * Brings down the entries that the journals have mentioned since the last time, and remembers how far they were read. Where the disk has no room
 * to spare the rest is left out; an install that wants it still finds it in the store. Throws STORE_*, and what `pace` throws.
 */
export async function bringDown(fleet: Fleet, progress: (down: number) => void = () => undefined): Promise<BroughtDown> {
  const done: BroughtDown = { down: 0, behind: 0 };
  for (const group of [fleet.group, fleet.everywhere]) await readFor(fleet, group, done, progress);
  return done;
}

interface BroughtDown {
  down: number;
  behind: number;
}

async function readFor(fleet: Fleet, group: string, done: BroughtDown, progress: (down: number) => void): Promise<void> {
  const { store, state, known, settings, log } = fleet;
  const since = async (): Promise<number> => (await store.now()) - settings.syncWindow;
  const report = (problem: PkgCacheError): void => log(`sync: ${problem.message}`);
  for await (const { records, position } of readJournal({ store, group, since, report }, state.position(group))) {
    for (const { refs, time } of records) for (const { key } of refs) known.mention(entryId(key), time);
    const wanted = missing(fleet, records, await store.now());
    for (let at = 0; at < wanted.length; at += BATCH) {
      await fleet.pace.between();
      const batch = fitting(fleet, wanted.slice(at, at + BATCH));
      const down = await fetchAll(fleet, batch);
      done.down += down;
      done.behind += Math.min(BATCH, wanted.length - at) - down;
      progress(done.down);
    }
    state.moveTo(group, position);
  }
}

/** What of a batch the disk has room for, all together. */
function fitting({ hasRoom }: Fleet, batch: readonly Wanted[]): Wanted[] {
  let reserved = 0;
  return batch.filter(({ ref, used }) => {
    const fits = hasRoom(reserved + 2 * ref.size, used);
    if (fits) reserved += 2 * ref.size;
    return fits;
  });
}

/** What of the records, which come in the order of time, is not here: each once. `now` is by the store's clock. */
function missing({ cache, allowed, settings }: Fleet, records: readonly Record[], now: number): Wanted[] {
  const ahead = now - Date.now();
  const found = new Map<string, Wanted>();
  for (const { refs, time } of records) {
    if (now - time > settings.syncWindow) continue;
    for (const ref of refs) {
      const id = entryId(ref.key);
      if (found.has(id) || (allowed(ref.key) && !cache.byId(id))) found.set(id, { ref, used: time - ahead });
    }
  }
  return [...found.values()];
}

/** Brings down some entries, and says how many came. */
async function fetchAll({ cache, store, unpacker, log }: Fleet, wanted: readonly Wanted[]): Promise<number> {
  let failure: PkgCacheError | undefined;
  const puller = new Puller(cache, store, unpacker, (problem) => {
    log(`sync: ${problem.message}`);
    if (problem.code.startsWith('STORE_')) failure ??= problem;
  });
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
  const used = new Map(wanted.map((each) => [entryId(each.ref.key), each.used]));
  for (const [id, local] of got) cache.touch(local, used.get(id));
  if (failure) throw failure;
  return got.length;
}
