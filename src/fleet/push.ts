import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { packEntry } from '../archive/pack.ts';
import { serialiseFiles } from '../cache/entry.ts';
import { archiveIn, type LocalCache, type LocalEntry } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import { isUnreadable } from '../store/failure.ts';
import type { Store } from '../store/store.ts';
import { DamagedObjects } from './damaged.ts';
import { MAX_POINTER, archiveKey, decodePointer, encodePointer, originalKey, pointerKey } from './objects.ts';
import { readSmall } from './small.ts';

/**
 * Puts an entry into the store: its archive, then its pointer. What is there already stays.
 * Throws STORE_* when the store fails, ENTRY_INVALID when the entry's bytes are not what its manifest says.
 */
export async function push(cache: LocalCache, store: Store, local: LocalEntry): Promise<'created' | 'exists'> {
  const lease = cache.lease(); // for what is read below
  try {
    return await pushFiles(cache, store, local);
  } finally {
    lease.release();
  }
}

async function pushFiles(cache: LocalCache, store: Store, local: LocalEntry): Promise<'created' | 'exists'> {
  const damaged = new DamagedObjects(cache, store);
  if (local.entry.archive.sha512 !== undefined) return await pushOriginal(damaged, store, local, local.entry.archive.sha512);
  const key = pointerKey(local.entry.key);
  if (await isStored(damaged, store, local)) return 'exists';
  const files = cache.files(local);
  mkdirSync(cache.path('spool', 'archives'), { recursive: true });
  const path = cache.path('spool', 'archives', `${local.id}.${randomBytes(4).toString('hex')}.tar`);
  try {
    const archive = packEntry({ files, filesJson: serialiseFiles(files), treeDir: join(local.dir, 'tree') }, path);
    await store.create(archiveKey(archive.sha256), { path, size: archive.size, digest: { algorithm: 'sha256', hex: archive.sha256 } });
    return await store.create(key, encodePointer({ entry: local.entry, archive }));
  } finally {
    rmSync(path, { force: true });
  }
}

/** Puts an archive of a registry into the store; one that was found to be damaged there, and is, is replaced. */
async function pushOriginal(damaged: DamagedObjects, store: Store, { dir }: LocalEntry, sha512: string): Promise<'created' | 'exists'> {
  const key = originalKey(sha512);
  const path = archiveIn(dir);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new PkgCacheError('ENTRY_INVALID', 'its archive is gone');
  const digest = { algorithm: 'sha512', hex: sha512 } as const;
  const payload = { path, size, digest };
  const outcome = await store.create(key, payload);
  return outcome === 'exists' && (await damaged.wasRemoved(key, digest)) ? await store.create(key, payload) : outcome;
}

/**
 * Whether the store has the entry. A pointer whose archive is gone (one that was unused for long, and is removed), or that was found to be damaged and is,
 * is of use to nobody: it is removed, if that is allowed. About a pointer that is damaged nothing can be done here: its key does not say what it should be.
 */
async function isStored(damaged: DamagedObjects, store: Store, { entry: { key } }: LocalEntry): Promise<boolean> {
  try {
    const bytes = await readSmall(store, pointerKey(key), MAX_POINTER);
    if (!bytes) return false;
    const hex = decodePointer(bytes, key).archive.sha256;
    const first = await firstByte(store, archiveKey(hex));
    if (first && !(await damaged.wasRemoved(archiveKey(hex), { algorithm: 'sha256', hex }))) return true;
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'ARCHIVE_INVALID') throw error;
    return true;
  }
  await store.remove(pointerKey(key)).catch(() => undefined);
  return false;
}

/** Whether there is an object; of one that is empty there is no first byte, and it is one. */
async function firstByte(store: Store, key: string): Promise<boolean> {
  try {
    const first = await store.get(key, { start: 0, length: 1 });
    first?.body.destroy();
    return first !== undefined;
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'ARCHIVE_INVALID' || isUnreadable(error)) throw error;
    return true;
  }
}
