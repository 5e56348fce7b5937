import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { PkgCacheError } from '../../errors.ts';
import type { IndexOptions, Request } from './request.ts';

/** Where a request's packages come from, in a form that may be stored and shown. */
export interface OriginFingerprint {
  /** 16 hex digits: equal for requests whose index would give the same file for the same pin. */
  readonly id: string;
  /** A URL carries a credential: nothing from this origin may be cached. */
  readonly credentialed: boolean;
  /** For people; without credentials. */
  readonly describe: string;
}

/**
 * The version of pip's keys: entries under other ones are left behind. 2: what was cached of a pip that had failed, or of files that somebody
 * had changed before they were looked at, and what was built in sight of other packages, lies under 1.
 */
const KEY_VERSION = 2;

/**
 * Fingerprints the options that decide which file a pin means. What has no effect is left out, credentials always are.
 * Reads local `--find-links`; throws UNRECOGNISED, or the system's error, for one that cannot be listed.
 */
export function originFingerprint(request: Pick<Request, 'index' | 'ignoreRequiresPython'>): OriginFingerprint {
  const { index } = request;
  const urls = [...(index.indexUrl === undefined ? [] : [index.indexUrl]), ...index.extraIndexUrls, ...index.findLinks];
  const parts = { ...describeSources(index), ...describeSelection(index), ...(request.ignoreRequiresPython && { ignoreRequiresPython: true }) };
  const canonical = JSON.stringify([KEY_VERSION, Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1))]);
  return {
    id: createHash('sha256').update(canonical).digest('hex').slice(0, 16),
    credentialed: urls.some(carriesCredential),
    describe: Object.entries(parts).map(([key, value]) => `${key}=${show(value)}`).join(' '),
  };
}

function show(value: unknown): string {
  return Array.isArray(value) ? value.map((item) => (Array.isArray(item) ? String(item[0]) : String(item))).join(',') : String(value);
}

function describeSources(index: IndexOptions): Record<string, unknown> {
  const findLinks = index.findLinks.map(findLinksIdentity).filter((identity) => identity !== undefined);
  return {
    ...(index.noIndex ? { noIndex: true } : { index: index.indexUrl === undefined ? 'default' : normalUrl(index.indexUrl) }),
    ...(index.extraIndexUrls.length > 0 && { extraIndex: index.extraIndexUrls.map(normalUrl) }),
    ...(findLinks.length > 0 && { findLinks }),
  };
}

function describeSelection(index: IndexOptions): Record<string, unknown> {
  const { noBinary, onlyBinary, allReleases, onlyFinal, platforms, abis, pre, preferBinary, uploadedPriorTo, pythonVersion, implementation } = index;
  const sets = Object.entries({ noBinary, onlyBinary, allReleases, onlyFinal }).filter(([, names]) => names.length > 0);
  const lists = Object.entries({ platforms, abis }).filter(([, values]) => values.length > 0);
  const values = Object.entries({ pre, preferBinary, uploadedPriorTo, pythonVersion, implementation });
  return Object.fromEntries([
    ...sets.map(([key, names]) => [key, [...names].sort()]),
    ...lists,
    ...values.filter(([, value]) => value !== undefined && value !== false),
  ]) as Record<string, unknown>;
}

/** User information, or a query or fragment, which is where signed URLs keep theirs. */
function carriesCredential(url: string): boolean {
  const parsed = parseUrl(url);
  if (parsed === undefined) return false;
  return parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '';
}

function parseUrl(url: string): URL | undefined {
  return /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(url) && URL.canParse(url) ? new URL(url) : undefined;
}

/** Scheme and host in lower case, no default port, credential, query, fragment or trailing slash. */
function normalUrl(url: string): string {
  const parsed = parseUrl(url);
  if (parsed === undefined) return trimSlashes(url);
  return trimSlashes(`${parsed.protocol}//${parsed.host}${parsed.pathname}`);
}

function trimSlashes(url: string): string {
  let end = url.length;
  while (end > 0 && url[end - 1] === '/') end--;
  return url.slice(0, end);
}

const DISTRIBUTION = /\.(?:whl|zip|tar|tgz|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma)|html?)$/;

/** A local source stands for what lies in it, since its path means something else on the next worker; an empty one for nothing. */
function findLinksIdentity(link: string): unknown {
  const path = localPath(link);
  if (path === undefined) return normalUrl(link);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isDirectory() && !stat.isFile()) throw new PkgCacheError('UNRECOGNISED', `--find-links at ${path}`);
  if (stat.isFile()) return [path, createHash('sha256').update(readFileSync(path)).digest('hex')];
  const files = readdirSync(path).filter((name) => DISTRIBUTION.test(name.toLowerCase())).sort();
  if (files.length === 0) return undefined;
  return [path, files.map((name) => [name, statSync(join(path, name), { throwIfNoEntry: false })?.size ?? -1])];
}

function localPath(link: string): string | undefined {
  if (link.startsWith('/')) return link;
  return link.toLowerCase().startsWith('file:') && URL.canParse(link) && new URL(link).host === '' ? fileURLToPath(link) : undefined;
}
