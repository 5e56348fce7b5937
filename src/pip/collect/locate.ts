import { dirname, join, normalize } from 'node:path';
import { PkgCacheError } from '../../errors.ts';
import type { SchemeKey } from '../entry.ts';
import type { Layout } from '../python/schemes.ts';
import { normalName } from '../recognise/names.ts';

/** A file of a distribution: the scheme that it belongs to, its path below that, and where it lies. */
export interface Located {
  readonly scheme: SchemeKey;
  readonly path: string;
  readonly actual: string;
}

/** Finds out which scheme a row of RECORD belongs to. */
export class SchemeMap {
  readonly #layout: Layout;
  readonly #lib: 'purelib' | 'platlib';
  readonly #order: readonly SchemeKey[];
  readonly #name: string;

  /** `lib`: the directory that RECORD's paths are relative to. `name`: that of the distribution, in any spelling. */
  constructor(layout: Layout, lib: 'purelib' | 'platlib', name: string) {
    this.#layout = layout;
    this.#lib = lib;
    this.#name = normalName(name);
    const other = lib === 'purelib' ? 'platlib' : 'purelib';
    this.#order = [lib, other, 'scripts', 'headers', 'data'];
  }

  /** Throws ENTRY_INVALID for a path outside of all schemes. */
  locate(recordPath: string): Located {
    const { recorded, actual } = this.#layout;
    const path = normalize(join(recorded[this.#lib], recordPath));
    for (const scheme of this.#order) {
      // The headers' directory is named after the distribution as the user spelled it.
      const base = scheme === 'headers' ? dirname(recorded.headers) : recorded[scheme];
      if (!path.startsWith(`${base}/`)) continue;
      const below = path.slice(base.length + 1);
      if (scheme !== 'headers') return { scheme, path: below, actual: join(actual[scheme], below) };
      // A wheel may have data beside the headers, in a directory of another name.
      const slash = below.indexOf('/');
      const isHeader = slash > 0 && normalName(below.slice(0, slash)) === this.#name;
      if (isHeader) return { scheme, path: below.slice(slash + 1), actual: join(dirname(actual.headers), below) };
    }
    throw new PkgCacheError('ENTRY_INVALID', `RECORD names ${recordPath}, outside of the environment`);
  }
}
