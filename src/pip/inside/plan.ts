/** What the process that is to be pip is told, in a file that only its owner can read. */
export interface Plan {
  /** `--python` is given: pip starts itself again under that interpreter. */
  readonly runsOtherPython: boolean;
  /** Members of the set that the cache has, by which number questions about them are asked. */
  readonly entries: readonly PlannedEntry[];
}

/** A distribution that is not to be downloaded. */
export interface PlannedEntry {
  /** PEP 503 normal form. */
  readonly name: string;
  readonly version: string;
  /** Hex SHA-256 of the archive that it was made from. */
  readonly sha256: string;
  /** Where the index has the archive, or might have it; with the hash. Undefined: the index has to be asked. */
  readonly url: string | undefined;
  /** The archive is an sdist. */
  readonly built: boolean;
  /** Its `.dist-info` in the cache. */
  readonly info: string;
  /** Names of its console scripts. */
  readonly scripts: readonly string[];
  readonly source: 'cached' | 'store';
}

/** What that process asks, as a line of JSON: `stage` makes the files of an entry; `note` is for the user, with `-v`. */
export type Question = { readonly stage: number } | PlaceQuestion | { readonly note: string };

/** The files of an entry are to be put where pip would unpack them to, now. */
export interface PlaceQuestion {
  readonly place: number;
  /** pip's Scheme. */
  readonly scheme: Readonly<Record<string, string>>;
  readonly requested: boolean;
  readonly compile: boolean;
  /** It would leave a direct_url.json. */
  readonly direct: boolean;
}

/** The answer, as a line of JSON. */
export interface Answer {
  readonly staged?: boolean;
  readonly placed?: boolean;
  /** Why not. */
  readonly why?: string;
}
