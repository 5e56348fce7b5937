import type { Layout } from '../python/schemes.ts';

/** What has to be known, after pip is gone, to snapshot what it installed. `layout` is that of a distribution called `@DIST@`. */
export interface CollectDetails {
  readonly report: string;
  readonly layout: Layout;
  readonly platform: string;
  readonly builtPlatform: string;
  readonly origin: string;
  readonly executable: string;
  readonly cacheTag: string;
  readonly magic: number;
  /** URLs of the indexes. */
  readonly sources: readonly string[];
  /** Build options were given: what pip built is not what others would get. */
  readonly buildOptions: boolean;
  /** Normal names of those whose archive `==` alone need not find: see `chosenNarrowly` in understand.ts. */
  readonly narrow: readonly string[];
}
