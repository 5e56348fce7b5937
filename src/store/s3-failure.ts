import { PkgCacheError } from '../errors.ts';
import { denied, storeCause, unavailable, wrongBytes } from './failure.ts';

const NOT_ALLOWED = 'reading needs s3:GetObject and s3:ListBucket (without it a missing key is a 403), writing s3:PutObject';
const NONE = 'there are none: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role';
const EXPIRED = 'they have expired: renew them';
const WRONG = 'they are not valid there: look at the access key, the secret key and the session token';
const SSO = 'the SSO session is not there or has expired: run aws sso login (with the --profile of AWS_PROFILE)';
const TOKEN_FILE = 'a token or key file cannot be read: look at AWS_WEB_IDENTITY_TOKEN_FILE, and whether the token is mounted';
const IDENTITY = 'the identity token is not accepted: look at AWS_ROLE_ARN, its trust policy, and AWS_WEB_IDENTITY_TOKEN_FILE';
const REGION = 'set AWS_REGION to the region that the bucket is in';
const CLOCK = 'set the clock of this machine';

/** What S3 and its SDK call it when something is wrong with the credentials, whatever the HTTP status, and what to do about it. */
const CREDENTIALS: ReadonlyMap<string, string> = new Map([
  ['AccessDenied', NOT_ALLOWED],
  ['CredentialsProviderError', NONE],
  ['ExpiredToken', EXPIRED],
  ['ExpiredTokenException', EXPIRED],
  ['IDPCommunicationError', IDENTITY],
  ['IDPRejectedClaim', IDENTITY],
  ['InvalidAccessKeyId', WRONG],
  ['InvalidClientTokenId', WRONG],
  ['InvalidIdentityToken', IDENTITY],
  ['InvalidToken', WRONG],
  ['RequestExpired', CLOCK],
  ['RequestTimeTooSkewed', CLOCK],
  ['SignatureDoesNotMatch', WRONG],
  ['TokenProviderError', EXPIRED],
  ['TokenRefreshRequired', EXPIRED],
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

/** The store does not know what it was asked to do, or a header of it. */
export function isNotImplemented(error: unknown): boolean {
  const { name, status } = answerOf(error);
  return status === 501 || name === 'NotImplemented';
}

/** What S3 calls it that a bucket is in another region, or that the signature is for another one. */
const ELSEWHERE = new Set(['AuthorizationHeaderMalformed', 'IllegalLocationConstraintException', 'PermanentRedirect', 'TemporaryRedirect']);

/** The bucket may be in another region; `regionIn` says in which, if the answer does. */
export function isElsewhere(error: unknown): boolean {
  const { name, status } = answerOf(error);
  return ELSEWHERE.has(name) || status === 301 || status === 307 || (status === 400 && regionIn(error) !== undefined);
}

/** The region that an answer names: a header of AWS's, or what stands in an error's body. */
export function regionIn(error: unknown): string | undefined {
  const { Region, message, $response } = error as { Region?: unknown; message?: unknown; $response?: { headers?: Readonly<Record<string, string>> } };
  const expected = typeof message === 'string' ? /expecting '([^']*)'/.exec(message)?.[1] : undefined;
  const found = $response?.headers?.['x-amz-bucket-region'] ?? Region ?? expected;
  return typeof found === 'string' && /^[a-z0-9-]{1,40}$/.test(found) ? found : undefined;
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
  // Its bucket keeps it where nothing can be read from: that object is lost, and the others are not.
  if (name === 'InvalidObjectState') return wrongBytes(label, 'an object cannot be read, since its bucket has archived it', cause);
  if (isElsewhere(error)) {
    const region = regionIn(error);
    return denied(label, `the bucket is in ${region === undefined ? 'another region' : `the region ${region}`} (${cause.message})`, { cause, hint: region === undefined ? REGION : `set AWS_REGION to ${region}` });
  }
  if (status === 407) return unavailable(label, 'the proxy refuses (407)', { cause, hint: 'it wants a user and password: HTTPS_PROXY=http://user:password@proxy:port' });
  if (isUntrusted(code)) return unavailable(label, `its certificate is not trusted (${cause.message})`, { cause, hint: 'name the certificates of its authority in AWS_CA_BUNDLE or SSL_CERT_FILE' });
  const missing = withoutCredentials(error, cause.message);
  if (missing) return denied(label, missing.what, { cause, hint: missing.hint });
  if (CREDENTIALS.has(name) || status === 401 || status === 403) {
    return denied(label, `not with these credentials (${cause.message})`, { cause, hint: CREDENTIALS.get(name) ?? NOT_ALLOWED });
  }
  return unavailable(label, `no usable answer (${cause.message})`, { cause });
}

/** What Node says of a certificate whose authority it does not know. */
function isUntrusted(code: string | undefined): boolean {
  return code !== undefined && /SELF_SIGNED_CERT|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT)|CERT_UNTRUSTED/.test(code);
}

/** Where the SDK has found no credentials to ask with. Its messages hold paths and names: what they are about is looked for in them, and nothing repeated. */
function withoutCredentials(error: unknown, cause: string): { what: string; hint: string } | undefined {
  const { name, message, syscall, code } = error as Readonly<Record<string, unknown>>;
  const what = `there are no credentials (${cause})`;
  // The one file that the SDK opens and does not do without.
  if (syscall === 'open' || code === 'EISDIR') return { what, hint: TOKEN_FILE };
  const isProvider = name === 'CredentialsProviderError' || name === 'TokenProviderError';
  if (isProvider && typeof message === 'string' && /\bSSO\b|aws sso login|Session token not found/i.test(message)) return { what, hint: SSO };
  return undefined;
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
