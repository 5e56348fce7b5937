import { readFileSync } from 'node:fs';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { PkgCacheError, systemCode } from '../errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** A scheme of URLs that may have a proxy. */
export type Scheme = 'http' | 'https';

/**
 * The proxy for requests to `host` (with the port, if it is not the scheme's own), as boto3 finds it by Python's `urllib.request`: `https_proxy`
 * before `HTTPS_PROXY`, an empty one counts; no `all_proxy`; `no_proxy` holds hosts, or ends of them, and `*`, but no networks. Throws CONFIG,
 * without repeating it, for one that is no URL.
 */
export function proxyFor(env: Env, scheme: Scheme, host: string): URL | undefined {
  const proxy = variable(env, `${scheme}_proxy`).value;
  if (proxy === '' || isBypassed(variable(env, 'no_proxy').value, host)) return undefined;
  const url = /^https?:/.test(proxy) ? proxy : `http://${proxy.replace(/^\/\//, '')}`;
  if (!URL.canParse(url)) throw new PkgCacheError('CONFIG', `${scheme}_proxy is not the URL of a proxy`, { hint: 'use http://host:port' });
  return new URL(url);
}

/** Whether any host may have a proxy. Throws CONFIG for one that cannot be used. */
export function hasProxy(env: Env): boolean {
  return (['http', 'https'] as const).some((scheme) => proxyFor({ ...env, no_proxy: '' }, scheme, 'host') !== undefined);
}

/** The lower-case name is the stronger one. HTTP_PROXY means nothing to a CGI script, where it may come from a request's header. */
function variable(env: Env, name: string): { name: string; value: string } {
  const lower = env[name];
  if (lower !== undefined || (name === 'http_proxy' && env['REQUEST_METHOD'] !== undefined)) return { name, value: lower ?? '' };
  return { name: name.toUpperCase(), value: env[name.toUpperCase()] ?? '' };
}

/** How requests go to a host, for people: no credentials are in it. */
export interface Way {
  /** `https://host:port` */
  readonly server: string;
  readonly proxy?: { readonly url: string; readonly variable: string; readonly passedOver: boolean };
  /** The file of whose certificates are trusted; `alone`: and of no others. */
  readonly certificates?: { readonly variable: string; readonly path: string; readonly alone: boolean; readonly readable: boolean };
}

/** The way to `server`; `configured` is `ca_bundle` of the AWS config file. Throws CONFIG as `proxyFor` does. */
export function wayTo(server: URL, env: Env, configured: string | undefined): Way {
  const scheme = server.protocol === 'https:' ? 'https' : 'http';
  const proxy = proxyFor({ ...env, no_proxy: '' }, scheme, server.host);
  const bundle = scheme === 'https' ? bundleOf(env, configured) : undefined;
  return {
    server: `${server.protocol}//${server.host}`,
    ...(proxy && { proxy: { url: `${proxy.protocol}//${proxy.host}`, variable: variable(env, `${scheme}_proxy`).name, passedOver: !proxyFor(env, scheme, server.host) } }),
    ...(bundle && { certificates: { variable: bundle.name, path: bundle.path, alone: bundle.alone, readable: trusted(env, configured) !== undefined } }),
  };
}

function isBypassed(list: string, host: string): boolean {
  if (list === '*') return true;
  const whole = host.toLowerCase();
  const bare = whole.replace(/:\d+$/, '');
  const names = list.split(',').map((name) => name.trim().replace(/^\.+/, '').toLowerCase()).filter((name) => name !== '');
  return names.some((name) => [whole, bare].some((each) => each === name || each.endsWith(`.${name}`)));
}

/** Where certificates that are trusted are written, and whether they are all. */
interface Bundle {
  readonly name: string;
  readonly path: string;
  readonly alone: boolean;
}

/**
 * Whose certificates servers may have, if not those that Node knows: `AWS_CA_BUNDLE`, `ca_bundle` in the AWS config file (`configured`) and
 * `REQUESTS_CA_BUNDLE` name all of them, in this order, as in boto3. `SSL_CERT_FILE` adds some, as in OpenSSL, which has a directory
 * of others besides; one that cannot be read is passed over there. Throws CONFIG for any other that cannot be used.
 */
export function trusted(env: Env, configured: string | undefined): SecureContext | undefined {
  const bundle = bundleOf(env, configured);
  if (!bundle) return undefined;
  try {
    const own = readFileSync(bundle.path, 'utf8');
    return createSecureContext({ ca: bundle.alone ? own : [...rootCertificates, own, ...extra(env)] });
  } catch (error) {
    if (!bundle.alone) return undefined;
    throw new PkgCacheError('CONFIG', `${bundle.name} names a file of certificates that cannot be read (${systemCode(error) ?? 'unknown error'})`, { hint: 'it is a PEM file with the certificates of authorities' });
  }
}

function bundleOf(env: Env, configured: string | undefined): Bundle | undefined {
  const all: [string, string | undefined, boolean][] = [
    ['AWS_CA_BUNDLE', env['AWS_CA_BUNDLE'], true],
    ['ca_bundle', configured, true],
    ['REQUESTS_CA_BUNDLE', env['REQUESTS_CA_BUNDLE'], true],
    ['SSL_CERT_FILE', env['SSL_CERT_FILE'], false],
  ];
  const [name, path, alone] = all.find(([, value]) => value !== undefined && value !== '') ?? [];
  return name === undefined || path === undefined || alone === undefined ? undefined : { name, path, alone };
}

/** What Node itself adds, unless it is told whom to trust. */
function extra(env: Env): string[] {
  try {
    return [readFileSync(env['NODE_EXTRA_CA_CERTS'] ?? '', 'utf8')];
  } catch {
    return [];
  }
}
