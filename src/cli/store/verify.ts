import { createHash } from 'node:crypto';
import { PkgCacheError } from '../../errors.ts';
import { isUnreadable } from '../../store/failure.ts';
import type { Store } from '../../store/store.ts';
import { payloadKey, readPointers, type Item, type Pointers } from './inventory.ts';

/** An item whose bytes are not what they should be. */
export interface Damaged {
  readonly item: Item;
  readonly why: string;
  /** The objects that are of no use. None where they could not be read: they may be whole. */
  readonly keys: readonly string[];
}

/** Reads items and what they lead to, and compares all with its hash, several at a time. An archive that several share is read once. Throws STORE_*. */
export async function verifyItems({ store, pointers }: Pointers, items: readonly Item[], tell: (checked: number, bytes: number) => void): Promise<Damaged[]> {
  const damaged: Damaged[] = [];
  const outcomes = new Map<string, Promise<Fault | undefined>>();
  let [checked, bytes] = [0, 0];
  await readPointers({ store, pointers, afresh: true }, items, async (read) => {
    const { item } = read;
    const { key } = item.object;
    if ('damaged' in read) {
      damaged.push({ item, why: read.damaged, keys: read.isUnreadable ? [] : [key] });
    } else {
      const payload = payloadKey(item, read.archive);
      const outcome = outcomes.get(payload) ?? whyDamaged(store, payload, item.isOriginal ? 'sha512' : 'sha256', (count) => (bytes += count));
      outcomes.set(payload, outcome);
      const fault = await outcome;
      if (fault) damaged.push({ item, why: fault.why, keys: fault.isUnreadable ? [] : [...new Set([key, payload])] });
    }
    tell(++checked, bytes);
  });
  return damaged;
}

interface Fault {
  readonly why: string;
  readonly isUnreadable: boolean;
}

/** Objects that hold packages are named by their hash. */
async function whyDamaged(store: Store, key: string, algorithm: 'sha256' | 'sha512', count: (bytes: number) => void): Promise<Fault | undefined> {
  const wanted = (key.split('/').at(-1) ?? '').replace(/\.tar$/, '');
  try {
    const object = await store.get(key);
    if (!object) return { why: 'its archive is gone', isUnreadable: false };
    const hash = createHash(algorithm);
    for await (const piece of object.body) {
      hash.update(piece as Buffer);
      count((piece as Buffer).length);
    }
    return hash.digest('hex') === wanted ? undefined : { why: 'its bytes are not those of its hash', isUnreadable: false };
  } catch (error) {
    if (error instanceof PkgCacheError && error.code === 'ARCHIVE_INVALID') return { why: error.message, isUnreadable: isUnreadable(error) };
    throw error;
  }
}
