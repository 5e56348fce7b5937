import { randomBytes } from 'node:crypto';
import { LAYOUT, type EntryKey } from '../cache/entry.ts';
import type { LocalEntry } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import { isOriginal, metaOf } from '../manifest.ts';
import { asA, count, hash512, isA, list, maybe, object, oneOf, type Shape } from '../shape.ts';
import type { Page, Store } from '../store/store.ts';
import { STORED_KEY } from './objects.ts';
import { seal, unseal } from './seal.ts';
import { readSmall } from './small.ts';

/**
 * The journal of a group: who has put an entry into the store, or used one that had not been used for a day, writes that down. What fits every
 * machine (registry packages of npm) has a journal of its own, which all groups read.
 *
 *     v1/journal/<group>/<time>-<random>   a record: what is in the store, and was in use at that time
 *
 * Times are the store's own, so that workers need not agree on one. Records are created once. Who has read all up to some key asks for what
 * is behind it; that costs what is new. A record that is lost, or comes too late to be seen, delays entries: whoever uses one writes again.
 */
export interface Ref {
  readonly key: EntryKey;
  /** Bytes that its files have. */
  readonly size: number;
  /** Of an entry that is made of an archive as its registry has it: hex SHA-512 of that, and what another worker has found out about it. */
  readonly original?: { readonly sha512: string; readonly meta: unknown };
}

/** What a record says. */
export interface Record {
  readonly key: string;
  /** Epoch milliseconds, by the store's clock. */
  readonly time: number;
  readonly refs: readonly Ref[];
  /** Entries that somebody missed in the store. */
  readonly lost: readonly EntryKey[];
}

/** The most refs in a record that is written, and in one that is read. */
const MOST_WRITTEN = 500;
const MOST_READ = 1_000_000;

/** The largest record that is read, in bytes. */
const MAX_RECORD = 64 << 20;

/** Records may become visible out of order; those of so long before the newest one are looked at again, in milliseconds. */
export const OVERLAP = 600_000;

/** How far a time in the store may be ahead of the store's own, in milliseconds: what is farther was made when a clock was wrong. */
export const AHEAD = 3_600_000;

export function journalOf(group: string): string {
  return `v${LAYOUT}/journal/${group}/`;
}

/** The key of a record: `20261122T000000123Z-<random>`. */
export function recordKey(group: string, time: number, name = randomBytes(8).toString('hex')): string {
  return `${journalOf(group)}${timeName(time)}-${name}`;
}

/** Epoch milliseconds in a record's key; NaN for whatever else lies there. */
export function recordTime(key: string): number {
  const [, ...parts] = /\/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-[^/]+$/.exec(key) ?? [];
  const [year, month, day, hour, minute, second, ms] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
}

/** A time (epoch milliseconds) as keys begin with it: `20261122T000000123Z`. */
export function timeName(time: number): string {
  return new Date(time).toISOString().replace(/[-:.]/g, '');
}

/** What others have to know to get an entry. */
export function refOf({ entry: { key, size, archive, meta } }: Pick<LocalEntry, 'entry'>): Ref {
  return archive.sha512 === undefined ? { key, size } : { key, size, original: { sha512: archive.sha512, meta } };
}

/** Whose journals somebody reads and writes. */
export interface Readers {
  readonly group: string;
  readonly everywhere: string;
}

/** Writes down that these are in the store, and in use, for those that can use them. Throws STORE_*. */
export async function mention(store: Store, { group, everywhere }: Readers, refs: readonly Ref[], time: number): Promise<void> {
  const fitsAll = ({ key }: Ref): boolean => key.platform === 'any';
  await writeRecords(store, group, refs.filter((ref) => !fitsAll(ref)), time);
  await writeRecords(store, everywhere, refs.filter(fitsAll), time);
}

/** Writes into one journal. Throws STORE_*. */
export async function writeRecords(store: Store, group: string, refs: readonly Ref[], time: number): Promise<void> {
  for (let at = 0; at < refs.length; at += MOST_WRITTEN) {
    await store.create(recordKey(group, time), encodeRecord(refs.slice(at, at + MOST_WRITTEN)));
  }
}

/** Writes down that the store has these no more, so that whoever has one sends it up again. Throws STORE_*. */
export async function writeLost(store: Store, group: string, lost: readonly EntryKey[], time: number): Promise<void> {
  for (let at = 0; at < lost.length; at += MOST_WRITTEN) {
    await store.create(recordKey(group, time), seal({ layout: LAYOUT, refs: [], lost: lost.slice(at, at + MOST_WRITTEN) }));
  }
}

export function encodeRecord(refs: readonly Ref[]): Buffer {
  return seal({ layout: LAYOUT, refs });
}

/** The refs of a record. Throws ARCHIVE_INVALID for whatever is none. */
export function decodeRecord(bytes: Buffer): Ref[] {
  const { refs } = asA(RECORD, unseal(bytes), 'ARCHIVE_INVALID', 'a record of the journal');
  if (refs.length > MOST_READ) throw new PkgCacheError('ARCHIVE_INVALID', 'a record of the journal is too long');
  return refs.filter((ref) => isA(REF, ref));
}

const RECORD = object({ layout: oneOf(LAYOUT), refs: list<unknown>(() => undefined) });

const PLAIN_REF = object<Ref>({ key: STORED_KEY, size: count, original: maybe(object({ sha512: hash512, meta: () => undefined })) });

/** What could be a ref of a record. */
export const REF: Shape<Ref> = (value) => {
  const wrong = PLAIN_REF(value);
  if (wrong !== undefined) return wrong;
  const { key, original } = value as Ref;
  if (isOriginal(key) && original === undefined) return '.original is missing';
  return original && metaOf(key)(original.meta);
};

/** The keys in a record of entries that somebody missed. */
function lostIn(bytes: Buffer): EntryKey[] {
  const { lost } = (unseal(bytes) ?? {}) as { lost?: unknown };
  return Array.isArray(lost) && lost.length <= MOST_READ ? lost.filter((key) => isA(STORED_KEY, key)) : [];
}

/** How far somebody has read: the last key, and the keys shortly before it. */
export interface Position {
  readonly journal: string | undefined;
  readonly recent: readonly string[];
}

export interface Reading {
  readonly store: Store;
  readonly group: string;
  /** Where to begin when nothing was read yet: epoch milliseconds by the store's clock. */
  readonly since: () => Promise<number>;
  readonly report: (problem: PkgCacheError) => void;
  /** Is called when the record that was read last is gone, which nobody removes so soon: this is not the store that it was. */
  readonly lost?: () => void;
}

/** How many records are asked for at once. */
const AT_ONCE = 16;

/**
 * Reads what is new, a page of records at a time, each with the position behind it. A record that is damaged or gone counts as read.
 * Throws STORE_*.
 */
export async function* readJournal({ store, group, since, report, lost }: Reading, from: Position): AsyncGenerator<{ records: Record[]; position: Position }> {
  const prefix = journalOf(group);
  // A position comes from a snapshot or a file: what cannot be the time of a record that was read counts as nothing read.
  const last = from.journal === undefined ? NaN : recordTime(from.journal);
  const isPast = last <= (await store.now()) + AHEAD;
  let position = isPast ? from : NOTHING_READ;
  let after: string | undefined = prefix + timeName(isPast ? last - OVERLAP : await since());
  for (let isFirst = true; after !== undefined; isFirst = false) {
    const page: Page = await store.list(prefix, { after });
    if (isFirst && position.journal !== undefined && last > (await since()) && (await isGone(store, position.journal, page))) {
      lost?.();
      position = NOTHING_READ;
      after = prefix + timeName(await since());
      continue;
    }
    // A clock that was ahead must not hide what comes before its time.
    const latest = (await store.now()) + AHEAD;
    const seen = new Set(position.recent);
    const fresh = page.objects.map(({ key }) => key).filter((key) => !seen.has(key) && recordTime(key) < latest);
    const records = await readRecords(store, fresh, report);
    position = advanced(position, fresh);
    yield { records, position };
    after = page.next;
  }
}

const NOTHING_READ: Position = { journal: undefined, recent: [] };

/** Whether a record that was read is neither in the listing from shortly before it on, nor put together with others of its day. */
async function isGone(store: Store, key: string, { objects, next }: Page): Promise<boolean> {
  const isListed = objects.some((object) => object.key === key || (object.key.endsWith('-day') && object.key.slice(0, DAY_OF_KEY(key)) === key.slice(0, DAY_OF_KEY(key))));
  // What comes after this page is not known.
  if (isListed || next !== undefined) return false;
  try {
    return (await readSmall(store, key, MAX_RECORD)) === undefined; // a listing may be late
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'ARCHIVE_INVALID') throw error;
    return false;
  }
}

/** How much of a record's key says of which day it is. */
const DAY_OF_KEY = (key: string): number => key.lastIndexOf('/') + '/20261122'.length;

function advanced({ journal, recent }: Position, fresh: readonly string[]): Position {
  const all = [...recent, ...fresh];
  const newest = all.reduce<string | undefined>((last, key) => (last === undefined || key > last ? key : last), journal);
  return { journal: newest, recent: newest === undefined ? [] : all.filter((key) => recordTime(key) >= recordTime(newest) - OVERLAP) };
}

/** Records by their keys, in that order. */
export async function readRecords(store: Store, keys: readonly string[], report: (problem: PkgCacheError) => void): Promise<Record[]> {
  const records: Record[] = [];
  for (let at = 0; at < keys.length; at += AT_ONCE) {
    const found = await Promise.all(keys.slice(at, at + AT_ONCE).map((key) => readRecord(store, key, report)));
    records.push(...found.filter((record) => record !== undefined));
  }
  return records;
}

async function readRecord(store: Store, key: string, report: (problem: PkgCacheError) => void): Promise<Record | undefined> {
  try {
    const bytes = await readSmall(store, key, MAX_RECORD);
    return bytes && { key, time: recordTime(key), refs: decodeRecord(bytes), lost: lostIn(bytes) };
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'ARCHIVE_INVALID') throw error;
    report(error);
    return undefined;
  }
}
