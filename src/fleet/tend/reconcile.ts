import { LAYOUT, entryId, type EntryKey } from '../../cache/entry.ts';
import { PkgCacheError } from '../../errors.ts';
import type { Listed } from '../../store/store.ts';
import type { Fleet } from '../fleet.ts';
import { AHEAD, OVERLAP, writeLost, writeRecords, type Record, type Ref } from '../journal.ts';
import { isA } from '../../shape.ts';
import { originalKey, pointerKey, STORED_KEY } from '../objects.ts';
import { inParallel } from '../parallel.ts';
import { targetOf } from '../pointers.ts';
import { listAll } from '../small.ts';

/** How many pointers are read at once. */
const AT_ONCE = 16;

/** What was mentioned so short a time ago may not be listed yet. */
const SETTLED = OVERLAP;

/** What came of a comparison: entries that no record had, and entries that the store has lost. */
export interface Reconciled {
  readonly mentioned: number;
  readonly lost: number;
}

/**
 * Compares what the store has with what the journal says, for the platforms that this worker has entries of, either way. What was stored within
 * the window and is not in the journal is mentioned: its record was lost, or its writer died before it could write one. What is in the journal and
 * not in the store (a lifecycle rule has expired it, say) is written down as lost, so that whoever has it stores it again. Originals have no
 * pointer; see `reconcileOriginals`.
 */
export async function reconcile(fleet: Fleet, records: readonly Record[], now: number): Promise<Reconciled> {
  const { cache, store, group, settings } = fleet;
  const read = records.filter(({ time }) => time <= now + AHEAD); // nobody reads the others before their time
  const named = new Set(read.flatMap(({ refs }) => refs.map(({ key }) => entryId(key))));
  const platforms = new Set<string>();
  for (const { key } of cache.list()) if (key && key.platform !== 'any') platforms.add(`${key.ecosystem}/${key.platform}`);
  const unmentioned: Ref[] = [];
  const listed = new Set<string>();
  for (const platform of platforms) {
    await fleet.pace.between();
    const objects = await listAll(store, `v${LAYOUT}/${platform}/`);
    for (const { key } of objects) listed.add(key);
    const unnamed = objects.filter(({ modified, key }) => now - modified < settings.syncWindow && !isNamed(key, named));
    await inParallel(unnamed, AT_ONCE, async (object) => void unmentioned.push(...(await refTo(fleet, object))));
  }
  const lost = settled(records, fleet, now).filter(({ key }) => platforms.has(`${key.ecosystem}/${key.platform}`) && !listed.has(pointerKey(key)));
  await writeRecords(store, group, unmentioned, now);
  await writeLost(store, group, lost.map(({ key }) => key), now);
  return { mentioned: unmentioned.length, lost: lost.length };
}

/** The same for what fits every machine: registry archives that are in the journal and not in the store. Returns how many are lost. */
export async function reconcileOriginals(fleet: Fleet, records: readonly Record[], now: number): Promise<number> {
  const { store, everywhere } = fleet;
  const refs = settled(records, fleet, now).filter(({ original }) => original);
  if (refs.length === 0) return 0;
  const listed = new Set((await listAll(store, `v${LAYOUT}/originals/`)).map(({ key }) => key));
  const lost = refs.filter(({ original }) => original && !listed.has(originalKey(original.sha512)));
  await writeLost(store, everywhere, lost.map(({ key }) => key), now);
  return lost.length;
}

/** Each entry that is in use and was not mentioned a moment ago for the first time; not what was said to be lost since. */
function settled(records: readonly Record[], { settings }: Fleet, now: number): Ref[] {
  const found = new Map<string, Ref>();
  for (const { time, refs, lost } of records) {
    if (time > now - SETTLED || now - time > settings.syncWindow) continue;
    for (const ref of refs) found.set(entryId(ref.key), ref);
    for (const key of lost) found.delete(entryId(key));
  }
  return [...found.values()];
}

/** The key of the entry whose pointer has this key in the store; undefined for whatever else lies there. */
export function entryKeyOf(key: string): EntryKey | undefined {
  const [, ecosystem, platform, origin, ...rest] = key.split('/');
  const version = rest.pop()?.replace('~', '!');
  const found = { ecosystem, platform, origin, name: rest.join('/'), version };
  return isA(STORED_KEY, found) ? found : undefined;
}

function isNamed(key: string, named: ReadonlySet<string>): boolean {
  const found = entryKeyOf(key);
  return !found || named.has(entryId(found));
}

async function refTo({ store, log, pointers }: Fleet, object: Listed): Promise<Ref[]> {
  const key = entryKeyOf(object.key);
  try {
    const target = key && (await targetOf(store, object, key, pointers));
    return key && target ? [{ key, size: target.size }] : [];
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'ARCHIVE_INVALID') throw error;
    log(`reconcile: ${error.message}`);
    return [];
  }
}
