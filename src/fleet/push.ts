import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { packEntry } from '../archive/pack.ts';
import { serialiseFiles } from '../cache/entry.ts';
import { archiveIn, type LocalCache, type LocalEntry } from '../cache/local.ts';
import type { Store } from '../store/store.ts';
import { archiveKey, encodePointer, originalKey, pointerKey } from './objects.ts';

/**
 * Puts an entry into the store: its archive, then its pointer. What is there already stays.
 * Throws STORE_* when the store fails, ENTRY_INVALID when the entry's bytes are not what its manifest says.
 */
export async function push(cache: LocalCache, store: Store, local: LocalEntry): Promise<'created' | 'exists'> {
  const { sha512 } = local.entry.archive;
  if (sha512 !== undefined) return await store.create(originalKey(sha512), { path: archiveIn(local.dir), size: statSync(archiveIn(local.dir)).size });
  const key = pointerKey(local.entry.key);
  const known = await store.get(key);
  if (known) {
    known.body.destroy();
    return 'exists';
  }
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
