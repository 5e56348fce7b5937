/** A package of an environment, and where it comes from. */
export interface Row {
  readonly package: string;
  readonly version: string;
  /** Where it lies. */
  readonly path: string;
  /** Where the index or registry is, or what is known of it; without credentials. */
  readonly index: string | undefined;
  /** The archive that its files came out of. */
  readonly archive: string | undefined;
  /** The entry of the local cache that has the same files. */
  readonly entry: string | undefined;
  /** Files are not there any more, or have another size than when they were installed. */
  readonly changed: boolean;
}

/** An environment that was looked at. */
export interface Environment {
  readonly ecosystem: 'pip' | 'npm';
  /** What it is, for people. */
  readonly title: string;
  readonly rows: readonly Row[];
}
