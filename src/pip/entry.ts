import type { Entry, EntryKey } from '../cache/entry.ts';
import type { LocalEntry } from '../cache/local.ts';
import { canonicalVersion } from './version.ts';

/** The schemes below an entry's tree, one directory each; `lib` of an entry is its `purelib` or `platlib`. */
export type SchemeKey = 'purelib' | 'platlib' | 'headers' | 'scripts' | 'data';

/** `name = module:attribute` of `[console_scripts]` or `[gui_scripts]`. */
export interface EntryPoint {
  readonly name: string;
  readonly value: string;
}

/** A row of RECORD for a file outside of the library directory; its path is computed anew for each target. */
export interface OutsideRow {
  readonly scheme: SchemeKey;
  readonly path: string;
  /** `sha256=…`, or '' where the wheel's RECORD has none. Undefined for a script: its bytes depend on the target. */
  readonly hash?: string;
  readonly size: number;
}

/** What a pip entry knows beyond its files: enough to resolve, order and place it. */
export interface PipMeta {
  /** As in METADATA. */
  readonly name: string;
  readonly version: string;
  readonly requiresDist: readonly string[];
  readonly requiresPython?: string;
  /** Not in entries of earlier versions, nor where there are none. */
  readonly providesExtra?: readonly string[];
  readonly distInfo: string;
  readonly lib: 'purelib' | 'platlib';
  readonly consoleScripts: readonly EntryPoint[];
  readonly guiScripts: readonly EntryPoint[];
  /** Scripts from `.data/scripts` whose first line is `#!python`, to be filled in. */
  readonly pythonScripts: readonly string[];
  readonly outside: readonly OutsideRow[];
  /** Built from an sdist on the worker that made the entry. */
  readonly built: boolean;
}

export type PipEntry = LocalEntry<PipMeta>;
export type PipManifest = Entry<PipMeta>;

/** The key under which the entry of a pinned requirement lies. `version` must be valid by PEP 440. */
export function pipKey(name: string, version: string, platform: string, origin: string): EntryKey {
  return { ecosystem: 'pip', name, version: canonicalVersion(version) ?? version, platform, origin };
}
