import type { LinkMode } from './cache/copy.ts';
import type { Entry, EntryKey } from './cache/entry.ts';
import type { LocalCache, LocalEntry } from './cache/local.ts';
import type { Ownership } from './cache/shelf.ts';
import type { Policy } from './policy.ts';
import type { InstallEvent } from './stats/record.ts';

/** An entry that is made of an archive as its registry has it, known by its hex SHA-512. */
export interface Original {
  readonly key: EntryKey;
  readonly sha512: string;
}

/** The store, as far as an install sees it. Nothing here throws: what the store cannot give is a miss. */
export interface Remote {
  /** Manifests of the entries that the store has, by entry id. */
  manifests(keys: readonly EntryKey[]): Promise<Map<string, Entry>>;
  /** Brings entries whose manifests were found into the local cache. */
  pull(ids: readonly string[]): Promise<Map<string, LocalEntry>>;
  /** Brings entries by the archives that they are made of; `make` verifies the bytes, and publishes the entry. */
  pullOriginals(wanted: readonly Original[], make: (original: Original, bytes: Buffer) => LocalEntry): Promise<Map<string, LocalEntry>>;
  /**
   * Asks at once whether other workers are having a set installed at this moment. `done` waits until they are through, for a bounded time;
   * then it is worth looking again.
   */
  others(set: string): { readonly areAtWork: () => Promise<boolean>; readonly done: () => Promise<void> };
  /**
   * The first thing that went wrong. `known`: it did so for an earlier install, and was not tried again.
   * `lasting`: the store, or what was wrong there, is left alone from now on.
   */
  problem(): { readonly message: string; readonly known: boolean; readonly lasting: boolean } | undefined;
  close(): void;
}

/**
 * `in charge`: this process is the one that the caller waits for and sends signals to. `aside`: it may become that. `shielded`: it may not,
 * because the caller has signals ignored, which only the real pip in its place would go on doing.
 */
export type Role = 'in charge' | 'aside' | 'shielded';

/** How a real tool ended. */
export type Outcome = { readonly code: number } | { readonly signal: NodeJS.Signals };

/** What an install may use of the world around it. */
export interface InstallContext {
  /** The real pip, and what was given to it. */
  readonly tool: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly owner: Ownership;
  readonly isTerminal: boolean;

  readonly cache: LocalCache;
  /** What the cache is for. Rules about packages the cache obeys by itself; those about an index need to know the request. */
  readonly policy: Policy;
  readonly linkMode: LinkMode;
  /** Whether ready copies are made, and taken: where files are linked there is nothing to copy in advance. */
  readonly readyCopies: boolean;
  /** Undefined without a store. */
  readonly openRemote: () => Promise<Remote | undefined>;

  readonly role: Role;
  /** Throws when the caller is gone or wants us to stop. */
  readonly checkpoint: () => void;
  /** Waits for something that takes long; rejects as `checkpoint` throws. */
  readonly interruptible: <T>(work: Promise<T>) => Promise<T>;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  /**
   * Runs a command that becomes the real tool, in the same way, and answers what it asks: lines on its descriptor 3. The entries that are in
   * use stay until then.
   */
  readonly runInside: (command: string, args: readonly string[], env: Readonly<Record<string, string | undefined>>, answer: (line: string) => string) => Promise<Outcome>;
  /** Runs the real tool to its end, with the caller's terminal; `inside`: in a process that is ours at first (npm/inside/npm.ts). */
  readonly runTool: (env: Readonly<Record<string, string | undefined>>, inside?: { readonly node: string; readonly plan: string }) => Promise<Outcome>;

  /** A path for a report of the tool, or for what it is told; undefined if the cache cannot be written. */
  readonly newReport: () => string | undefined;
  /** Has collected what the report will tell, once the tool has ended; false if that cannot be. `elapsed`: it has, and took so many milliseconds. */
  readonly collectAfterwards: (details: unknown, elapsed?: number) => boolean;
  /** Has other workers told that the real tool is about to install a set, and that it will be stored. */
  readonly announce: (set: string) => void;
  /** For the statistics, once per install. `ms`: how much of its time was ours, in milliseconds; if not given, all until now. */
  readonly note: (event: Omit<InstallEvent, 'ecosystem'>, ms?: number) => void;
  /** Have ready copies made of entries that were used, until there are `copies` of each. */
  readonly prepareAgain: (ids: readonly string[], copies: number) => void;
  /** The same, of something that the ecosystem puts together from entries; `details` is for it alone. */
  readonly assembleAgain: (details: unknown) => void;
}

/** What the shim is to do; see shims/pip. */
export type Decision =
  | { readonly kind: 'exit'; readonly outcome: Outcome }
  | { readonly kind: 'exec' }
  | { readonly kind: 'report'; readonly file: string }
  | { readonly kind: 'continue' };

export const EXEC: Decision = { kind: 'exec' };

/** What follows is for the process that the caller waits for, and that stays until the real tool has ended: the decision is `continue`. */
export class NeedsCharge extends Error {
  override readonly name = 'NeedsCharge';

  /** Each script of the build has a class of its own. */
  static is(error: unknown): boolean {
    return error instanceof Error && error.name === 'NeedsCharge';
  }
}
