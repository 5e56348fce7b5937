import { LAYOUT, type Archive, type Entry, type EntryKey } from './cache/entry.ts';
import { isTreeKey } from './npm/entry.ts';
import { npmMeta } from './npm/form.ts';
import { PIP_META } from './pip/form.ts';
import { count, hash256, hash512, maybe, object, oneOf, text, textUnless, type Shape } from './shape.ts';

/** The parts are for whoever asks to compare: what is looked for by name has that name. */
export const ENTRY_KEY = object<EntryKey>({ ecosystem: oneOf('pip', 'npm'), name: text, version: text, platform: text, origin: text });

/** It stands for the file's name in messages, and is joined to no path. A scoped package of npm's has a slash in it. */
const FILENAME = textUnless((name) => (name === '' || name.split('/').includes('..') ? 'is no name of a file' : undefined));

const ARCHIVE = object<Archive>({ filename: FILENAME, sha256: hash256, sha512: maybe(hash512) });

const PLAIN = object<Entry>({
  layout: oneOf(LAYOUT),
  key: ENTRY_KEY,
  version: text,
  archive: ARCHIVE,
  size: count,
  count,
  files: hash256,
  meta: () => undefined,
});

/**
 * A manifest, from wherever it comes: the local cache, a pointer, a snapshot. All of it is looked at, with what its ecosystem knows, because nothing after that
 * looks again.
 */
export const ENTRY: Shape<Entry> = (value) => {
  const wrong = PLAIN(value);
  if (wrong !== undefined) return wrong;
  const { key, archive, meta } = value as Entry;
  if (isOriginal(key) && archive.sha512 === undefined) return '.archive.sha512 is missing';
  const why = metaOf(key)(meta);
  return why === undefined ? undefined : `.meta${/^[.[]/.test(why) ? '' : ' '}${why}`;
};

/**
 * Whether entries with such a key are made of an archive as its registry has it, and of nothing else: the lockfile that wants one states its hash, which an archive
 * that somebody has packed cannot be compared with.
 */
export function isOriginal(key: EntryKey): boolean {
  return key.ecosystem === 'npm' && key.platform === 'any' && !isTreeKey(key);
}

/** The form of what an ecosystem knows about an entry with such a key. */
export function metaOf(key: EntryKey): Shape<unknown> {
  return key.ecosystem === 'pip' ? PIP_META : npmMeta(key);
}
