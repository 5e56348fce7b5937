import { unsafePath } from '../archive/paths.ts';
import { count, flag, list, matching, maybe, object, oneOf, text, textUnless, type Shape } from '../shape.ts';
import type { EntryPoint, OutsideRow, PipMeta } from './entry.ts';
import { isPlainEntryPoint } from './scripts.ts';

/** PEP 508: nothing that could be a path, or an option. */
const NAME = matching(/^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/, 'name of a distribution');

/** What comes behind a name in a line that pip prints. */
const VERSION = matching(/^[A-Za-z0-9][A-Za-z0-9.!+_-]*$/, 'version');

/** Below the directory that it is joined to. */
const PATH = textUnless((path) => {
  const why = unsafePath(path);
  return why === undefined ? undefined : `is no path: it ${why}`;
});

const INFO = textUnless((name) => PATH(name) ?? (/^[^/-]+-[^/-]+\.dist-info$/.test(name) ? undefined : 'is no directory of metadata'));

/**
 * Scripts of these names and values are generated; pip 26.3 refuses the names that lead elsewhere (CVE-2026-8643: wheel.py, `get_entrypoints`), and so
 * does collecting, which takes none but these.
 */
const ENTRY_POINT: Shape<EntryPoint> = (value) => POINT(value) ?? (isPlainEntryPoint(value as EntryPoint) ? undefined : 'is an unusual entry point');
const POINT = object<EntryPoint>({ name: text, value: text });

const OUTSIDE = object<OutsideRow>({
  scheme: oneOf('purelib', 'platlib', 'headers', 'scripts', 'data'),
  path: PATH,
  hash: maybe(matching(/^(?:sha(?:256|384|512)=[\w-]+=*)?$/, 'hash of RECORD')),
  size: count,
});

/** `PipMeta`, from wherever it comes: nothing in it leads out of a target, and nothing steers a terminal. */
export const PIP_META: Shape<PipMeta> = object<PipMeta>({
  name: NAME,
  version: VERSION,
  requiresDist: list(text),
  requiresPython: maybe(text),
  providesExtra: maybe(list(text)),
  distInfo: INFO,
  lib: oneOf('purelib', 'platlib'),
  consoleScripts: list(ENTRY_POINT),
  guiScripts: list(ENTRY_POINT),
  pythonScripts: list(PATH),
  outside: list(OUTSIDE),
  built: flag,
});
