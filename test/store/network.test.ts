import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import { proxyFor } from '../../src/store/s3-network.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { s3Env, startS3, type S3Server } from '../support/s3-server.ts';
import { BUILD_MS, failure, outcome, read, temporaryDirectory } from './helpers.ts';

const files = temporaryDirectory();
const [key, cert] = [join(files.path, 'key.pem'), join(files.path, 'cert.pem')];
let tls: S3Server;
let plain: S3Server;
let proxy: Proxy;

beforeAll(async () => {
  const subject = ['-subj', '/CN=bucket', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:s3.internal.example'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
  tls = await startS3({ tls: { cert, key } });
  plain = await startS3();
  proxy = await startProxy();
}, BUILD_MS);
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => {
  await proxy.stop();
  await tls.stop();
  await plain.stop();
  files.remove();
});

let made = 0;

/** Writes and reads an object with this environment. */
async function roundTrip(env: Record<string, string>): Promise<string> {
  const store = await openStore(`s3://test-bucket/network-${made++}`, { env, circuit: memoryCircuit() });
  try {
    if ((await store.create('v1/a', Buffer.from('through'))) !== 'created') return 'exists';
    return String(await read(store, 'v1/a'));
  } finally {
    store.close();
  }
}

/** The same endpoint by a name that only the proxy can resolve. */
const internal = (url: string): string => url.replace('127.0.0.1', 's3.internal.example');

describe('certificates', () => {
  it('of an authority that nobody knows are refused', async () => {
    expect(await outcome(roundTrip(tls.env))).toBe('STORE_UNAVAILABLE');
  });

  it.each(['AWS_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'SSL_CERT_FILE'])('are trusted that %s names', async (variable) => {
    expect(await roundTrip({ ...tls.env, [variable]: cert })).toBe('through');
  });

  it('are trusted that the AWS config file names', async () => {
    const config = join(files.path, 'config');
    writeFileSync(config, `[default]\nca_bundle = ${cert}\n`);
    vi.stubEnv('AWS_CONFIG_FILE', config);
    expect(await roundTrip(tls.env)).toBe('through');
  });

  it('come from the first of them, and one that is not there is said', async () => {
    const error = await failure(roundTrip({ ...tls.env, AWS_CA_BUNDLE: join(files.path, 'none'), SSL_CERT_FILE: cert }));
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringMatching(/^AWS_CA_BUNDLE names .*ENOENT/) });
    writeFileSync(join(files.path, 'empty'), '');
    expect(await outcome(roundTrip({ ...tls.env, SSL_CERT_FILE: join(files.path, 'none') }))).toBe('STORE_UNAVAILABLE');
  });
});

describe('a proxy', () => {
  it.each(['HTTPS_PROXY', 'https_proxy'])('that %s names is a tunnel, through which certificates are checked', async (variable) => {
    const env = { ...s3Env(internal(tls.url)), [variable]: proxy.url };
    const before = proxy.log.length;
    expect(await roundTrip({ ...env, AWS_CA_BUNDLE: cert })).toBe('through');
    const lines = proxy.log.slice(before);
    expect(new Set(lines)).toEqual(new Set([`CONNECT s3.internal.example:${new URL(tls.url).port}`]));
    // Sockets are kept.
    expect(lines.length).toBeLessThanOrEqual(2);
    expect(await outcome(roundTrip(env))).toBe('STORE_UNAVAILABLE');
  });

  it.each(['HTTP_PROXY', 'http_proxy'])('that %s names passes on what is not encrypted', async (variable) => {
    const before = proxy.log.length;
    expect(await roundTrip({ ...s3Env(internal(plain.url)), [variable]: proxy.url })).toBe('through');
    expect(proxy.log[before]).toMatch(/^HEAD http:\/\/s3\.internal\.example:\d+\/test-bucket\/network-/);
  });

  it.each([
    ['NO_PROXY', '127.0.0.1'],
    ['no_proxy', 'elsewhere, *'],
  ])('is passed over for what %s=%s names', async (variable, value) => {
    const before = proxy.log.length;
    const env = { ...plain.env, HTTP_PROXY: proxy.url, [variable]: value === 'elsewhere, *' ? '*' : value };
    expect(await roundTrip(env)).toBe('through');
    expect(proxy.log).toHaveLength(before);
  });

  it('is given its user and password, and says so where they are missing', async () => {
    const guarded = await startProxy({ password: 'pass word' });
    const env = { ...s3Env(internal(tls.url)), AWS_CA_BUNDLE: cert };
    expect(await roundTrip({ ...env, HTTPS_PROXY: guarded.url.replace(' ', '%20') })).toBe('through');
    const error = await failure(roundTrip({ ...env, HTTPS_PROXY: guarded.url.replace(/user:.*@/, '') }));
    expect(error.message).toContain('407');
    expect(error.hint).toContain('proxy');
    await guarded.stop();
  });

  it('that is no URL is said, and not repeated', async () => {
    const error = await failure(roundTrip({ ...plain.env, HTTP_PROXY: 'http://user:secret@:x' }));
    expect(error).toMatchObject({ code: 'CONFIG' });
    expect(`${error.message} ${error.hint}`).not.toContain('secret');
  });
});

/** As urllib.request has it, which boto3 asks. */
it.each([
  [{ HTTPS_PROXY: 'http://p:1' }, 'host', 'http://p:1/'],
  [{ HTTPS_PROXY: 'p:1' }, 'host', 'http://p:1/'],
  [{ HTTPS_PROXY: '//p:1' }, 'host', 'http://p:1/'],
  [{ HTTPS_PROXY: 'http://p:1', https_proxy: 'http://q:1' }, 'host', 'http://q:1/'],
  [{ HTTPS_PROXY: 'http://p:1', https_proxy: '' }, 'host', undefined],
  [{ HTTP_PROXY: 'http://p:1' }, 'host', undefined],
  [{ ALL_PROXY: 'http://p:1' }, 'host', undefined],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'example.com' }, 'bucket.example.com', undefined],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: ' .Example.com ,x' }, 'example.com', undefined],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'example.com' }, 'badexample.com', 'http://p:1/'],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'example.com:9000' }, 'example.com:9000', undefined],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'example.com:9000' }, 'example.com', 'http://p:1/'],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: '*.example.com' }, 'a.example.com', 'http://p:1/'],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: '10.0.0.0/8' }, '10.1.2.3', 'http://p:1/'],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: '10.1.2.3' }, '10.1.2.3:9000', undefined],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: '*', no_proxy: 'x' }, 'host', 'http://p:1/'],
] as [Record<string, string>, string, string | undefined][])('%j for %s: %s', (env, host, expected) => {
  expect(proxyFor(env, 'https', host)?.href).toBe(expected);
});

it('HTTP_PROXY is not believed in a CGI script', () => {
  expect(proxyFor({ HTTP_PROXY: 'http://p:1', REQUEST_METHOD: 'GET' }, 'http', 'host')).toBeUndefined();
});
