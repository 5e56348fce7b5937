import { LAYOUT, type EntryKey } from '../../cache/entry.ts';
import type { LocalCache } from '../../cache/local.ts';
import { PkgCacheError } from '../../errors.ts';
import { readRecords } from '../../fleet/journal.ts';
import { archiveKey, type Pointer } from '../../fleet/objects.ts';
import { inParallel } from '../../fleet/parallel.ts';
import { readTarget, targetOf, type KnownPointers } from '../../fleet/pointers.ts';
import { listAll, objects } from '../../fleet/small.ts';
import { entryKeyOf } from '../../fleet/tend/reconcile.ts';
import type { Rule } from '../../policy.ts';
import { isUnreadable } from '../../store/failure.ts';
import type { Listed, Store } from '../../store/store.ts';
import { isNamed } from '../select.ts';

/** What a store has of one entry: a pointer to an archive, or an archive as its registry has it. */
export interface Item extends Omit<EntryKey, 'name'> {
  /** Undefined for a registry's archive that nothing known to this worker names. */
  readonly name: string | undefined;
  /** The object that stands for it. */
  readonly object: Listed;
  readonly isOriginal: boolean;
}

/** Which items are meant; what is not given means all. */
export interface Wanted {
  readonly names: readonly Rule[];
  readonly ecosystem: string | undefined;
  /** A part of the platform's name. */
  readonly platform: string | undefined;
}

/** Everything that the store has of packages, in the order of keys. A page of the listing is in memory at a time. Throws STORE_*. */
export async function* inventory(store: Store, cache: LocalCache, { names, ecosystem, platform }: Wanted): AsyncGenerator<Item> {
  for await (const item of allItems(store, cache, ecosystem)) {
    if (platform !== undefined && !item.platform.includes(platform)) continue;
    if (names.length === 0 || (item.name !== undefined && isNamed(names, { ...item, name: item.name }))) yield item;
  }
}

async function* allItems(store: Store, cache: LocalCache, ecosystem: string | undefined): AsyncGenerator<Item> {
  for (const each of ['pip', 'npm']) {
    if (ecosystem !== undefined && ecosystem !== each) continue;
    for await (const object of objects(store, `v${LAYOUT}/${each}/`)) {
      const key = entryKeyOf(object.key);
      if (key) yield { ...key, object, isOriginal: false };
    }
  }
  if (ecosystem === 'pip') return;
  let names: Map<string, EntryKey> | undefined;
  for await (const object of objects(store, `v${LAYOUT}/originals/`)) {
    names ??= await namesOfOriginals(store, cache);
    const sha512 = object.key.split('/').at(-1) ?? '';
    const { name, version = '?', origin = sha512.slice(0, 32) } = names.get(sha512) ?? {};
    yield { ecosystem: 'npm', name, version, platform: 'any', origin, object, isOriginal: true };
  }
}

/** A registry's archive is known by its hash alone; the journals of all groups, and the local cache, say what it is. */
async function namesOfOriginals(store: Store, cache: LocalCache): Promise<Map<string, EntryKey>> {
  const names = new Map<string, EntryKey>();
  for (const id of cache.ids()) {
    const entry = cache.byId(id)?.entry;
    if (entry?.archive.sha512 !== undefined) names.set(entry.archive.sha512, entry.key);
  }
  const records = await readRecords(store, (await listAll(store, `v${LAYOUT}/journal/`)).map(({ key }) => key), () => undefined);
  for (const { key, original } of records.flatMap(({ refs }) => refs)) if (original) names.set(original.sha512, key);
  return names;
}

/** The archive that an item leads to; the reason for one that leads nowhere. `isUnreadable`: it may be whole, and others may be able to read it. */
export type Read = { readonly item: Item } & ({ readonly archive: Pointer['archive'] } | { readonly damaged: string; readonly isUnreadable: boolean });

/** How many pointers are read at once: they are small, and most of the time of each is that of the network. */
const AT_ONCE = 48;

/** A store, what is remembered of its pointers, and whether they are to be read all the same. */
export interface Pointers {
  readonly store: Store;
  readonly pointers?: KnownPointers | undefined;
  readonly afresh?: boolean;
}

/**
 * Reads the pointers of items that are not known already, several at a time, in any order. `each` is called with what was read; one that is gone by now is
 * left out. Throws STORE_*.
 */
export async function readPointers({ store, pointers, afresh = false }: Pointers, items: readonly Item[], each: (read: Read) => void | Promise<void>): Promise<void> {
  const read = afresh ? readTarget : targetOf;
  await inParallel(items, AT_ONCE, async (item) => {
    if (item.isOriginal) return await each({ item, archive: { sha256: '', size: item.object.size } });
    try {
      const target = await read(store, item.object, { ...item, name: item.name ?? '' }, pointers);
      if (target) await each({ item, archive: target.archive });
    } catch (error) {
      if (!(error instanceof PkgCacheError) || error.code !== 'ARCHIVE_INVALID') throw error;
      await each({ item, damaged: error.message, isUnreadable: isUnreadable(error) });
    }
  });
}

/** The key of the object that holds an item's files. */
export function payloadKey({ isOriginal, object }: Item, archive: Pointer['archive']): string {
  return isOriginal ? object.key : archiveKey(archive.sha256);
}

/** An item as its ecosystem writes it. */
export function nameOf({ ecosystem, name, version, origin }: Item): string {
  if (name === undefined) return '(not in the journal)';
  // The version of a tree is a hash.
  return `${name}${ecosystem === 'npm' ? '@' : '=='}${origin === 'project' ? version.slice(0, 12) : version}`;
}
