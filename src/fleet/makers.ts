import type { EntryKey } from '../cache/entry.ts';
import type { LocalCache, LocalEntry } from '../cache/local.ts';

/**
 * What an ecosystem makes of an archive as its registry has it: the entry with this key, published. `meta` is that of the entry that
 * another worker made of the same bytes. Throws ARCHIVE_INVALID when the bytes, or the key, are not what they should be.
 */
export type Maker = (cache: LocalCache, key: EntryKey, meta: unknown, archive: Buffer) => LocalEntry;

/** By ecosystem. */
export type Makers = Readonly<Record<string, Maker>>;
