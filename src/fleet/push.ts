import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { packEntry } from '../archive/pack.ts';
import { serialiseFiles } from '../cache/entry.ts';
import { archiveIn, type LocalCache, type LocalEntry } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import type { Store } from '../store/store.ts';
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
  const { sha512 } = local.entry.archive;
  if (sha512 !== undefined) return await store.create(originalKey(sha512), { path: archiveIn(local.dir), size: statSync(archiveIn(local.dir)).size });
  const key = pointerKey(local.entry.key);
  if (await isStored(store, local)) return 'exists';
  const files = cache.files(local);
  mkdirSync(cache.path('spool', 'archives'), { recursive: true });
  const path = cache.path('spool', 'archives', `${local.id}.${randomBytes(4).toString('hex')}.tar`);
  try {
    const archive = packEntry({ files, filesJson: serialiseFiles(files), treeDir: join(local.dir, 'tree') }, path);
    await store.create(archiveKey(archive.sha256), { path, size: archive.size });
    return await store.create(key, encodePointer({ entry: local.entry, archive }));
  } finally {
    rmSync(path, { force: true });
  }
}

/**
 * Whether the store has the entry. A pointer whose archive is gone (one that was unused for long, and is removed) is of use to nobody: it is
 * removed, if that is allowed. About what is damaged nothing can be done here.
 */
async function isStored(store: Store, { entry: { key } }: LocalEntry): Promise<boolean> {
  try {
    const bytes = await readSmall(store, pointerKey(key), MAX_POINTER);
    if (!bytes) return false;
    const first = await store.get(archiveKey(decodePointer(bytes, key).archive.sha256), { start: 0, length: 1 });
    first?.body.destroy();
    if (first) return true;
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'ARCHIVE_INVALID') throw error;
    return true;
  }
  await store.remove(pointerKey(key)).catch(() => undefined);
  return false;
}
