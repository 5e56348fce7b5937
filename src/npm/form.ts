import { unsafePath } from '../archive/paths.ts';
import type { EntryKey } from '../cache/entry.ts';
import { anyText, count, lines, list, maybe, object, oneOf, text, textUnless, tuple, type Shape } from '../shape.ts';
import type { BuiltMeta } from './built/key.ts';
import type { Captured } from './capture.ts';
import { isTreeKey, type PackageMeta, type TreeMeta } from './entry.ts';

/** Below the directory that it is joined to. */
const PATH = textUnless((path) => {
  const why = unsafePath(path);
  return why === undefined ? undefined : `is no path: it ${why}`;
});

const PAIR = tuple<readonly [string, string]>(text, text);

/** A link, at a path below what it belongs to. Whether it leads to where it may is for whoever places it: trust.ts, built/links.ts. */
const LINK = tuple<readonly [string, string]>(PATH, text);

export const PACKAGE_META = object<PackageMeta>({
  integrity: text,
  crlf: list(PATH),
  modes: maybe(list(tuple<readonly [string, number]>(PATH, count))),
});

/** Locations are compared with the lockfile; '' is the project. */
const CAPTURED_TREE = {
  packages: list(PAIR),
  links: list(LINK),
  built: list(text),
  unreviewed: list(tuple<readonly [string, string]>(text, lines)),
  empty: maybe(list(PATH)),
  bins: list(LINK),
} as const;
const TREE_META = object<TreeMeta>({ ...CAPTURED_TREE, unsupported: list(text) });

/** What was made of a project, before it is an entry. */
export const CAPTURED: Shape<Captured> = object<Captured>({ ...CAPTURED_TREE, hidden: anyText });

const BUILT_META = object<BuiltMeta>({
  integrity: text,
  links: list(LINK),
  directories: list(PATH),
  runs: maybe(oneOf('same', 'around', 'outside')),
  variables: maybe(list(PAIR)),
});

/** The form of `meta` of an entry of npm's, which its key tells: a tree, a registry's package, or one as its scripts have left it. */
export function npmMeta(key: EntryKey): Shape<unknown> {
  if (isTreeKey(key)) return TREE_META;
  return key.platform === 'any' ? PACKAGE_META : BUILT_META;
}
