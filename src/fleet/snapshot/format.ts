import { gunzipSync, gzipSync } from 'node:zlib';
import { LAYOUT, type Entry } from '../../cache/entry.ts';
import { PkgCacheError } from '../../errors.ts';
import { sha256 } from '../../hash.ts';
import { isEntryKey, isHash, isSize } from '../objects.ts';
import { seal, unseal } from '../seal.ts';

/**
 * How a snapshot lies in a store.
 *
 *     v1/snapshots/<group>/<period>/claim-<n>        who is at work on it
 *     v1/snapshots/<group>/<period>/<builder>.pack   archives of entries, one after the other
 *     v1/snapshots/<group>/<period>/<builder>.index  gzip of a JSON document: which archive is where, and the manifests
 *     v1/snapshots/<group>/<period>/pointer          names the index; created last, so what it leads to is whole
 *
 * `period` is a time in UTC. Everything is created once. The newest pointer counts.
 */
export interface SnapshotPointer {
  readonly layout: typeof LAYOUT;
  /** Key, hash and size of the index. */
  readonly index: { readonly key: string; readonly sha256: string; readonly size: number };
  /** Entries in it, and bytes in the pack. */
  readonly count: number;
  readonly bytes: number;
}

export interface SnapshotIndex {
  readonly layout: typeof LAYOUT;
  readonly pack: { readonly key: string; readonly size: number };
  /** The last record of the journal that its builder had read. */
  readonly journal: string | undefined;
  /** The same of the journal of what fits every machine. */
  readonly everywhere?: string | undefined;
  /** In the order of the pack, which may have bytes in between that belong to nobody. */
  readonly members: readonly Member[];
}

/** An entry in a pack: its manifest, and where its archive (as the store has it on its own) begins and how long it is, in bytes. */
export interface Member {
  readonly at: number;
  readonly size: number;
  /** When its builder used it last, in epoch milliseconds by the store's clock. */
  readonly used: number;
  /** When it was mentioned in the journal; not there: it is not known to be in the store on its own. */
  readonly mentioned?: number;
  readonly entry: Entry;
}

/** The largest index that is read, in bytes once unpacked, and packed. */
const MAX_INDEX = 256 << 20;
export const MAX_PACKED_INDEX = 64 << 20;

/** What all snapshots of a group begin with. */
export function snapshotsOf(group: string): string {
  return `v${LAYOUT}/snapshots/${group}/`;
}

/** The keys of a snapshot that `builder` (a name of its own for each try) makes for a period. */
export function snapshotKeys(group: string, period: string, builder: string): Record<'pack' | 'index' | 'pointer', string> {
  const base = `${snapshotsOf(group)}${period}`;
  return { pack: `${base}/${builder}.pack`, index: `${base}/${builder}.index`, pointer: `${base}/pointer` };
}

/** A time (epoch milliseconds) as snapshots are called by it: `20261122T000000Z`. */
export function periodName(time: number): string {
  return new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** Epoch milliseconds of a period's name; NaN for anything else. */
export function periodTime(name: string): number {
  return Date.parse(name.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

export function encodeSnapshotPointer(pointer: SnapshotPointer): Buffer {
  return seal(pointer);
}

/** Reads the pointer that was stored under `key`. Throws ARCHIVE_INVALID. */
export function decodeSnapshotPointer(bytes: Buffer, key: string): SnapshotPointer {
  const pointer = unseal(bytes) as SnapshotPointer | null | undefined;
  const { layout, index, count, bytes: size } = pointer ?? {};
  const belongs = typeof index?.key === 'string' && index.key.startsWith(key.replace(/pointer$/, ''));
  if (!pointer || layout !== LAYOUT || !belongs || !isHash(index.sha256) || !isSize(index.size) || !isSize(count) || !isSize(size)) throw invalid('its pointer is damaged');
  return pointer;
}

/** The bytes of an index, packed. */
export function encodeIndex(index: SnapshotIndex): Buffer {
  return gzipSync(JSON.stringify(index));
}

/** Reads an index that was stored under `key`, and whose hash is in the pointer. Throws ARCHIVE_INVALID. */
export function decodeIndex(bytes: Buffer, { index: { key, sha256: hash } }: SnapshotPointer): SnapshotIndex {
  if (sha256(bytes) !== hash) throw invalid('its index is damaged');
  const index = unpacked(bytes);
  const { layout, pack, journal, everywhere, members } = index ?? {};
  const belongs = pack?.key === key.replace(/index$/, 'pack');
  if (!index || layout !== LAYOUT || !belongs || !isSize(pack.size) || !Array.isArray(members)) throw invalid('its index cannot be read');
  if ([journal, everywhere].some((key) => key !== undefined && typeof key !== 'string')) throw invalid('its index cannot be read');
  let end = 0;
  for (const member of members as readonly unknown[]) {
    if (!isMember(member) || member.at < end || member.at + member.size > pack.size) throw invalid('its index names something else than entries');
    end = member.at + member.size;
  }
  return index;
}

function unpacked(bytes: Buffer): SnapshotIndex | null | undefined {
  try {
    return JSON.parse(gunzipSync(bytes, { maxOutputLength: MAX_INDEX }).toString('utf8')) as SnapshotIndex | null;
  } catch {
    return undefined;
  }
}

function isMember(value: unknown): value is Member {
  const { at, size, used, mentioned = 0, entry } = (value ?? {}) as Partial<Member>;
  if (!isSize(at) || !isSize(size) || !isSize(used) || !isSize(mentioned) || entry?.layout !== LAYOUT || !isEntryKey(entry.key)) return false;
  const { sha512, filename, sha256: hash } = entry.archive ?? {};
  const archive = typeof filename === 'string' && typeof hash === 'string' && (sha512 === undefined || /^[0-9a-f]{128}$/.test(sha512));
  return archive && typeof entry.version === 'string' && isHash(entry.files) && isSize(entry.size) && isSize(entry.count);
}

function invalid(why: string): PkgCacheError {
  return new PkgCacheError('ARCHIVE_INVALID', `the snapshot is of no use: ${why}`);
}
