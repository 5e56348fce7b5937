import { PkgCacheError, systemCode } from '../errors.ts';

/**
 * What may be kept of an error that a store gave: its name, HTTP status and system code. Everything else (bodies,
 * headers, URLs, S3's `StringToSign`) can hold credentials and is dropped.
 */
export interface StoreCause extends Error {
  readonly status?: number;
  readonly code?: string;
}

interface Details {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** The store did not answer, not in time, or not like a store. */
export function unavailable(label: string, what: string, details: Details = {}): PkgCacheError {
  return failure('STORE_UNAVAILABLE', label, what, details);
}

/** The store answered: not with these credentials. */
export function denied(label: string, what: string, details: Details = {}): PkgCacheError {
  return failure('STORE_DENIED', label, what, details);
}

/** The store answered, but not with the bytes that it should have; others may be right. */
export function wrongBytes(label: string, what: string, cause?: StoreCause): PkgCacheError {
  return failure('ARCHIVE_INVALID', label, what, { cause });
}

/** One object cannot be had, though others can. That says nothing about its bytes: see `isUnreadable`. */
export function unreadable(label: string, key: string, error: unknown): PkgCacheError {
  const cause = causeOf(error);
  const what = `${key} cannot be read${cause === undefined || cause.message === '' ? '' : ` (${cause.message})`}, though others can`;
  return failure('ARCHIVE_INVALID', label, what, { cause });
}

/** Whether an object could not be had, as opposed to one whose bytes are wrong: it may be whole. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof PkgCacheError && error.code === 'ARCHIVE_INVALID' && causeOf(error) !== undefined;
}

/** Whether the store has answered a read with something else than "too much at a time", so that another object may meet with a better answer. */
export function mayBeOfObject(error: unknown): boolean {
  const { status } = causeOf(error) ?? {};
  if (!(error instanceof PkgCacheError) || status === undefined) return false;
  return error.code.startsWith('STORE_') && ![429, 503, 404].includes(status);
}

/** An object, or what the store has of it, ends before the range that was asked for. */
export function tooShort(label: string, key: string): PkgCacheError {
  return wrongBytes(label, `${key} is shorter than it should be`);
}

function failure(
  code: 'STORE_UNAVAILABLE' | 'STORE_DENIED' | 'ARCHIVE_INVALID',
  label: string,
  what: string,
  { hint, cause }: Details,
): PkgCacheError {
  return new PkgCacheError(code, `store ${label}: ${what}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Makes a cause that is safe to print. `status` is an HTTP status, `code` a system error code. */
export function storeCause(name: string, status?: number, code?: string): StoreCause {
  const known = [name === 'Error' ? undefined : name, code, status].filter((part) => part !== undefined);
  return Object.assign(new Error(known.join(', ')), {
    name,
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code }),
  });
}

/** A connection that was there and broke: the peer reset it, or had closed a kept-alive one. */
const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** No connection, or none that answers. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ESTALE',
]);

/** Whether nobody answered at all, as opposed to an answer that was not the hoped-for one. */
export function isUnanswered(error: unknown): boolean {
  const code = systemCode(causeOf(error));
  return code !== undefined && (BROKEN.has(code) || UNREACHABLE.has(code));
}

/**
 * Whether the same call may well succeed a moment later: 5xx, 429, a reset connection, and a clock that was off (the
 * SDK has set itself by the store's clock when it reports that).
 */
export function isTransient(error: unknown): boolean {
  const cause = causeOf(error);
  if (cause === undefined) return false;
  const { status, code } = cause;
  if (status !== undefined && ((status >= 500 && status !== 501) || status === 429)) return true;
  return (code !== undefined && BROKEN.has(code)) || cause.name === 'RequestTimeTooSkewed';
}

/** Whether the store does not know how to do that at all, as compatibles say it. */
export function isUnsupported(error: unknown): boolean {
  const { name, status } = causeOf(error) ?? {};
  return status === 501 || status === 405 || name === 'NotImplemented' || name === 'MethodNotAllowed';
}

/** Answers of the kind 4xx that say nothing about what was sent: credentials, no bucket, too much at a time. */
const NOT_OF_IT = new Set([401, 403, 404, 407, 408, 425, 429]);

/** Whether an answer was no to what was sent (too large, a name or a header that is not taken), and another object may meet with yes. */
export function isRefusal(error: unknown): boolean {
  const { status = 0, name } = causeOf(error) ?? {};
  return status >= 400 && status < 500 && !NOT_OF_IT.has(status) && name !== 'NoSuchBucket' && !isTransient(error);
}

/** What a store calls it that it has no room left: a system's names, and those of some S3-compatibles. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'QuotaExceeded', 'XMinioStorageFull', 'XMinioAdminBucketQuotaExceeded']);

/** Whether a write failed for want of room. What is removed may help. */
export function isFull(error: unknown): boolean {
  const { name = '', code = '', status } = causeOf(error) ?? {};
  return status === 507 || FULL.has(name) || FULL.has(code);
}

function causeOf(error: unknown): StoreCause | undefined {
  const cause = error instanceof PkgCacheError ? error.cause : undefined;
  return cause instanceof Error ? cause : undefined;
}
