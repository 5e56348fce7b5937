import type { Readable } from 'node:stream';
import { LAYOUT } from '../cache/entry.ts';
import { PkgCacheError } from '../errors.ts';
import type { Listed, Store } from '../store/store.ts';

/** An object of at most `limit` bytes; undefined if there is none. Throws ARCHIVE_INVALID for a larger one, and STORE_*. */
export async function readSmall(store: Store, key: string, limit: number): Promise<Buffer | undefined> {
  const object = await store.get(key);
  if (!object) return undefined;
  if (object.size <= limit) return await whole(object.body);
  object.body.destroy();
  throw new PkgCacheError('ARCHIVE_INVALID', `${key} is too large for what it should be`);
}

/** `buffer` of node:stream/consumers goes by way of a Blob, which takes longer than all the rest where there are thousands. */
async function whole(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

/** Whether a store whose answer was no to writing can be read: credentials that are wrong or have expired cannot, and may be right in a minute. */
export async function mayRead(store: Store): Promise<boolean> {
  try {
    await readSmall(store, `v${LAYOUT}/doctor/none`, 0);
    return true;
  } catch (error) {
    if (!(error instanceof PkgCacheError)) throw error;
    return false;
  }
}

/** All that begins with a prefix, in the order of keys; a page of the listing is in memory at a time. Throws STORE_*. */
export async function* objects(store: Store, prefix: string): AsyncGenerator<Listed> {
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await store.list(prefix, { after });
    yield* page.objects;
    after = page.next;
  }
}

/** All that begins with a prefix, at once. Throws STORE_*. */
export async function listAll(store: Store, prefix: string): Promise<Listed[]> {
  const found: Listed[] = [];
  for await (const object of objects(store, prefix)) found.push(object);
  return found;
}
