import { PkgCacheError } from '../errors.ts';
import { denied, storeCause, unavailable } from './failure.ts';

/** What S3 calls an answer that is about the credentials, whatever its HTTP status. */
const CREDENTIALS = new Set([
  'AccessDenied',
  'AuthorizationHeaderMalformed',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidToken',
  'RequestExpired',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'TokenRefreshRequired',
]);

interface Answer {
  readonly name: string;
  readonly status: number | undefined;
  readonly code: string | undefined;
}

/** The key does not exist. A bucket that does not exist is another matter. */
export function isMissing(error: unknown): boolean {
  const { name, status } = answerOf(error);
  return name === 'NoSuchKey' || (status === 404 && name !== 'NoSuchBucket');
}

/** The object has no such range. */
export function isOutOfRange(error: unknown): boolean {
  return answerOf(error).status === 416;
}

/** Refused with a status that can mean expired credentials, or only that these may write but not ask. */
export function isUnexplained(error: unknown): boolean {
  const { status } = answerOf(error);
  return status === 400 || status === 401 || status === 403;
}

/** A conditional write lost: 412 to a finished write, 409 to one that was under way. */
export function isConflict(error: unknown): boolean {
  const { status } = answerOf(error);
  return status === 412 || status === 409;
}

/**
 * Says what an error of the SDK means for us. Of the error itself only its name, status and system code are kept: its
 * message and fields can hold access keys, strings to sign and URLs.
 */
export function s3Failure(label: string, error: unknown): PkgCacheError {
  if (error instanceof PkgCacheError) return error;
  const { name, status, code } = answerOf(error);
  const cause = storeCause(name, status, code);
  if (name === 'NoSuchBucket') {
    return unavailable(label, 'there is no such bucket', { cause, hint: 'create the bucket, or correct the store setting' });
  }
  if (CREDENTIALS.has(name) || status === 401 || status === 403) {
    return denied(label, `not with these credentials (${cause.message})`, {
      cause,
      hint: 'reading needs s3:GetObject and s3:ListBucket (without it a missing key is a 403), writing s3:PutObject',
    });
  }
  return unavailable(label, `no usable answer (${cause.message})`, { cause });
}

function answerOf(error: unknown): Answer {
  const { name, code, $metadata } = error as {
    name?: unknown;
    code?: unknown;
    $metadata?: { httpStatusCode?: number };
  };
  return {
    name: word(name) ?? 'Error',
    status: $metadata?.httpStatusCode,
    code: word(code),
  };
}

/** Names come from the answer's body; only what looks like one is repeated. */
function word(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z][A-Za-z0-9_.]{0,60}$/.test(value) ? value : undefined;
}
