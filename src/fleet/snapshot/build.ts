import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { packPieces } from '../../archive/pack.ts';
import { piecesOf } from '../../archive/pieces.ts';
import { LAYOUT, entryId, serialiseFiles, type EntryKey } from '../../cache/entry.ts';
import { archiveIn, describe, isDamage, type LocalCache, type LocalEntry } from '../../cache/local.ts';
import { PkgCacheError, systemCode } from '../../errors.ts';
import { sha256 } from '../../hash.ts';
import type { Store } from '../../store/store.ts';
import type { Known } from '../known.ts';
import type { Pace } from '../pace.ts';
import { encodeIndex, encodeSnapshotPointer, snapshotKeys, type Member } from './format.ts';

export interface BuildRequest {
  readonly cache: LocalCache;
  readonly known: Known;
  readonly store: Store;
  readonly group: string;
  readonly period: string;
  /** Bytes that the pack may have. */
  readonly limit: number;
  /** Whether an entry may leave this worker. */
  readonly allowed: (key: EntryKey) => boolean;
  /** The last records of the journals that were read here. */
  readonly journal: string | undefined;
  readonly everywhereJournal?: string | undefined;
  /** How far the store's clock is ahead of ours, in milliseconds. */
  readonly ahead: number;
  readonly pace: Pace;
  readonly log: (message: string) => void;
}

/** `lost`: another worker's snapshot of the period was there first. `empty`: there is nothing to pack. */
export type Built = { readonly outcome: 'live'; readonly count: number; readonly bytes: number } | { readonly outcome: 'lost' } | { readonly outcome: 'empty' };

/**
 * Packs the entries that were used last, as they are read, into one object, and makes it the snapshot of the period unless there is one.
 * Every byte is compared with its entry's manifest on the way; what is damaged is put aside and left out, and what cannot be read is left out. Throws STORE_* when the
 * store fails, and what `pace` throws; nothing that was begun then counts.
 */
export async function buildSnapshot(request: BuildRequest): Promise<Built> {
  const { store, group, period, limit } = request;
  const ids = hottest(request);
  if (ids.length === 0) return { outcome: 'empty' };
  const keys = snapshotKeys(group, period, randomBytes(8).toString('hex'));
  const packing = new Packing(request, ids);
  await store.create(keys.pack, { pieces: packing.pieces(), atMost: limit + MAX_WASTE });
  const { members, bytes } = packing;
  if (members.length > 0) {
    const index = encodeIndex({ layout: LAYOUT, pack: { key: keys.pack, size: bytes }, journal: request.journal, everywhere: request.everywhereJournal, members });
    await store.create(keys.index, index);
    const pointer = { layout: LAYOUT, index: { key: keys.index, sha256: sha256(index), size: index.length }, count: members.length, bytes } as const;
    if ((await store.create(keys.pointer, encodeSnapshotPointer(pointer))) === 'created') return { outcome: 'live', count: members.length, bytes };
  }
  for (const key of [keys.pack, keys.index]) await store.remove(key).catch(() => undefined); // else it is removed when it is old
  return { outcome: members.length > 0 ? 'lost' : 'empty' };
}

/** What damaged entries may leave in a pack before they are found out, in bytes. */
const MAX_WASTE = 64 << 30;

/** Bytes that a file adds to an archive, at most on average: its header, and padding. */
const PER_FILE = 1024;

/** The ids of entries by last use. */
function hottest({ cache, allowed }: BuildRequest): string[] {
  const cached: { id: string; lastUsed: number }[] = [];
  for (const { status, key, lastUsed } of cache.list()) {
    if (status === 'cached' && key && allowed(key)) cached.push({ id: entryId(key), lastUsed });
  }
  return cached.sort((a, b) => b.lastUsed - a.lastUsed || (a.id < b.id ? -1 : 1)).map(({ id }) => id);
}

class Packing {
  readonly members: Member[] = [];
  bytes = 0;
  readonly #request: BuildRequest;
  readonly #ids: readonly string[];

  constructor(request: BuildRequest, ids: readonly string[]) {
    this.#request = request;
    this.#ids = ids;
  }

  async *pieces(): AsyncGenerator<Buffer> {
    for (const id of this.#ids) {
      await this.#request.pace.between();
      // An entry that is evicted meanwhile stays until it is packed.
      const lease = this.#request.cache.lease();
      try {
        yield* this.#entry(id);
      } finally {
        lease.release();
      }
    }
  }

  *#entry(id: string): Generator<Buffer> {
    const { cache, known, log, limit, ahead } = this.#request;
    const local = cache.byId(id);
    if (!local || this.bytes + local.entry.size + local.entry.count * PER_FILE > limit) return;
    const at = this.bytes;
    try {
      for (const piece of archiveOf(cache, local)) {
        this.bytes += piece.length;
        yield piece;
      }
      const mentioned = known.mentionedAt(id);
      this.members.push({ at, size: this.bytes - at, used: Math.round(cache.lastUsed(id) + ahead), ...(mentioned === undefined ? {} : { mentioned }), entry: local.entry });
    } catch (error) {
      if (!isOfEntry(error)) throw error;
      log(`not in the snapshot: ${describe(local.entry)}: ${error instanceof Error ? error.message : String(error)}`);
      if (isDamage(error) && cache.byId(id)) cache.quarantine(local);
    }
  }
}

/** The bytes that travel for an entry. Throws ENTRY_INVALID, perhaps after the last of them, when they are not what they were. */
function archiveOf(cache: LocalCache, local: LocalEntry): Iterable<Buffer> {
  const { sha512 } = local.entry.archive;
  if (sha512 !== undefined) return original(archiveIn(local.dir), sha512);
  const files = cache.files(local);
  return packPieces({ files, filesJson: serialiseFiles(files), treeDir: join(local.dir, 'tree') });
}

function* original(path: string, sha512: string): Generator<Buffer> {
  const digest = createHash('sha512');
  for (const piece of piecesOf(path)) {
    digest.update(piece);
    yield piece;
  }
  if (digest.digest('hex') !== sha512) throw new PkgCacheError('ENTRY_INVALID', 'its archive has changed');
}

/** Whether an entry could not be read: that costs that entry, and no other. */
function isOfEntry(error: unknown): boolean {
  const code = systemCode(error);
  return isDamage(error) || (code !== undefined && code !== 'ABORT_ERR');
}
