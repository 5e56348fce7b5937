import type { Marker } from './markers.ts';

export type HashAlgorithm = 'sha256' | 'sha384' | 'sha512';

/** One requirement or constraint, as the user named it. */
export interface Requirement {
  /** PEP 503 normal form; '' where only the real pip could tell (a URL, a path). */
  readonly name: string;
  readonly rawName: string;
  /** Normalised and sorted. */
  readonly extras: readonly string[];
  /** As written, sorted, without repetition. */
  readonly rawExtras: readonly string[];
  /** As given, without white space around commas. */
  readonly specifiers: string;
  /** The one version that can meet `specifiers`, as written after `==`; undefined without such a clause. */
  readonly pin?: string;
  readonly marker?: Marker;
  /** Hex digests, as written. */
  readonly hashes: Readonly<Partial<Record<HashAlgorithm, readonly string[]>>>;
  /** pip's own wording (`-r requirements.txt (line 3)`), '' for an argument. */
  readonly comesFrom: string;
  /** pip's way of writing the requirement, without its marker and origin: `flask[async]==2.0`. */
  readonly line: string;
  /** Why this requirement can never be served, whatever the cache holds. */
  readonly unsupported?: string;
}

/** Everything that decides where packages come from and which of their files are taken. */
export interface IndexOptions {
  /** Undefined: the index that pip has built in. */
  readonly indexUrl?: string;
  readonly extraIndexUrls: readonly string[];
  readonly noIndex: boolean;
  /** URLs, or absolute paths. */
  readonly findLinks: readonly string[];
  /** Normal names, or `:all:`; the same for the three lists below. */
  readonly noBinary: readonly string[];
  readonly onlyBinary: readonly string[];
  readonly allReleases: readonly string[];
  readonly onlyFinal: readonly string[];
  readonly pre: boolean;
  readonly preferBinary: boolean;
  readonly uploadedPriorTo?: string;
  readonly platforms: readonly string[];
  readonly pythonVersion?: string;
  readonly implementation?: string;
  readonly abis: readonly string[];
}

/** A `pip install` that was understood in every detail. Paths are as given unless said otherwise. */
export interface Request {
  /** In pip's order: arguments, editables, then requirements files. */
  readonly requirements: readonly Requirement[];
  readonly constraints: readonly Requirement[];
  /** Hash mode, asked for or implied by a hash, and not switched off. */
  readonly requireHashes: boolean;
  readonly noDeps: boolean;
  /** Whether bytecode is to be written. */
  readonly compile: boolean;
  /** Absolute. */
  readonly target?: string;
  readonly prefix?: string;
  readonly root?: string;
  /** `--user` was asked for; `noUser`: it was ruled out. Neither: pip decides by what is writable. */
  readonly user: boolean;
  readonly noUser: boolean;
  /** The interpreter or environment that pip is to run under. */
  readonly python?: string;
  readonly requireVirtualenv: boolean;
  readonly isolated: boolean;
  readonly breakSystemPackages: boolean;
  readonly ignoreRequiresPython: boolean;
  /** Number of `-v` minus number of `-q`; 2 with `--debug`. */
  readonly verbosity: number;
  readonly progressBar: string;
  readonly noColor: boolean;
  /** With `~` expanded. */
  readonly logFile?: string;
  readonly noWarnScriptLocation: boolean;
  readonly noWarnConflicts: boolean;
  readonly rootUserAction: string;
  readonly disablePipVersionCheck: boolean;
  readonly index: IndexOptions;
  /** What pip warns about, in its words: as it reads the request, and for each project that it then looks for. */
  readonly warnings: { readonly once: readonly string[]; readonly perProject: readonly string[] };
  /** An option was given that changes how sdists are built: what was built from one may not be used. */
  readonly buildOptions: boolean;
  /** The pips that know every option used: from `since` on, and before `until`. */
  readonly pip: { readonly since?: string; readonly until?: string };
}

/**
 * What an argv means.
 * `other`: no install. `passthrough`: an install for the real pip alone; with `observe`, every detail was understood, so that
 * what it brings may be cached afterwards. `install`: may be served.
 */
export type Recognition =
  | { readonly kind: 'other' }
  | { readonly kind: 'passthrough'; readonly reason: string; readonly observe: false }
  | { readonly kind: 'passthrough'; readonly reason: string; readonly observe: true; readonly request: Request }
  | { readonly kind: 'install'; readonly request: Request };

/** What recognising depends on besides argv. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  readonly platform: NodeJS.Platform;
  /** `sys.prefix` of pip's interpreter, where its `pip.conf` lies. */
  readonly sitePrefix?: string;
}
