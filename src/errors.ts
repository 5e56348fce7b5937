import { printable } from './printable.ts';

/** What can go wrong on our side. Each code has one meaning, so that callers can decide without reading messages. */
export type ErrorCode =
  | 'CONFIG' // a setting that cannot be used
  | 'STORE_UNAVAILABLE' // the store did not answer, or not in time
  | 'STORE_DENIED' // the store answered: not with these credentials
  | 'ARCHIVE_INVALID' // bytes from a store are not what they claim to be
  | 'ENTRY_INVALID' // a local entry is not what its manifest says
  | 'CACHE_UNUSABLE' // the cache directory cannot be used
  | 'NOT_ADDED' // an entry that the cache does not take: the disk is full, or it stalled before
  | 'USAGE' // a command line of the admin command that cannot be understood
  | 'UNRECOGNISED' // input that only the real tool may interpret
  | 'PLACE_FAILED'; // placing files in the target failed and was undone

/** By what an error of ours is known: the build makes several scripts (scripts/build.mjs), each with a copy of the class. */
const BRAND = Symbol.for('pkg-cache.error');

/**
 * The one error class of this project: "we failed", as opposed to "the tool failed".
 * `message` says what happened, `hint` what the user can do, `cause` what it came from.
 */
export class PkgCacheError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly [BRAND] = true;

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(printable(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PkgCacheError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** The `code` of a Node system error (`ENOENT`, `EXDEV`, …), or undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
