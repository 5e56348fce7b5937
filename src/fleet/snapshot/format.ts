import { gunzipSync, gzipSync } from 'node:zlib';
import { LAYOUT, type Entry } from '../../cache/entry.ts';
import { PkgCacheError } from '../../errors.ts';
import { sha256 } from '../../hash.ts';
import { ENTRY } from '../../manifest.ts';
import { count, hash256, isA, list, maybe, object, oneOf, parseA, text } from '../../shape.ts';
import { STORED_KEY } from '../objects.ts';
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
  const pointer = unseal(bytes);
  if (!isA(POINTER, pointer) || !pointer.index.key.startsWith(key.replace(/pointer$/, ''))) throw invalid('its pointer is damaged');
  return pointer;
}

const POINTER = object<SnapshotPointer>({ layout: oneOf(LAYOUT), index: object({ key: text, sha256: hash256, size: count }), count, bytes: count });

/** The bytes of an index, packed. */
export function encodeIndex(index: SnapshotIndex): Buffer {
  return gzipSync(JSON.stringify(index));
}

/** Reads an index that was stored under `key`, and whose hash is in the pointer. Throws ARCHIVE_INVALID. */
export function decodeIndex(bytes: Buffer, { index: { key, sha256: hash } }: SnapshotPointer): SnapshotIndex {
  if (sha256(bytes) !== hash) throw invalid('its index is damaged');
  const index = unpacked(bytes);
  if (index?.pack.key !== key.replace(/index$/, 'pack')) throw invalid('its index cannot be read');
  let end = 0;
  for (const member of index.members) {
    if (!isMember(member) || member.at < end || member.at + member.size > index.pack.size) throw invalid('its index names something else than entries');
    end = member.at + member.size;
  }
  return index;
}

function unpacked(bytes: Buffer): SnapshotIndex | undefined {
  try {
    return parseA(INDEX, gunzipSync(bytes, { maxOutputLength: MAX_INDEX }).toString('utf8'));
  } catch {
    return undefined;
  }
}

const INDEX = object<SnapshotIndex>({
  layout: oneOf(LAYOUT),
  pack: object({ key: text, size: count }),
  journal: maybe(text),
  everywhere: maybe(text),
  members: list(object<Member>({ at: count, size: count, used: count, mentioned: maybe(count), entry: () => undefined })),
});

/** Whether a member is an entry, of what could lie in a store. An archive of its files is no smaller than they are; what a registry has is compressed. */
function isMember({ entry, size }: Member): boolean {
  return isA(ENTRY, entry) && isA(STORED_KEY, entry.key) && (entry.archive.sha512 !== undefined || entry.size <= size);
}

function invalid(why: string): PkgCacheError {
  return new PkgCacheError('ARCHIVE_INVALID', `the snapshot is of no use: ${why}`);
}
