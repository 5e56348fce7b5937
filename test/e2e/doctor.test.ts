import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startProxy } from '../support/proxy.ts';
import { startFaultServer, type Fault, type FaultServer } from '../support/fault-server.ts';
import type { Venv } from '../support/venv.ts';
import type { Env, Worker } from './support/worker.ts';
import { startWorld, type World } from './support/world.ts';

interface Check {
  readonly area: string;
  readonly level: string;
  readonly what: string;
  readonly next?: string;
}

let world: World;
let worker: Worker;
let venv: Venv;
const servers: FaultServer[] = [];

beforeAll(async () => {
  world = await startWorld({ store: true });
  worker = world.worker();
  venv = await world.venv();
});

afterAll(async () => {
  for (const server of servers) await server.stop();
  await world.stop();
});

async function examine(env: Env = {}): Promise<{ code: number | undefined; checks: Check[] }> {
  const PATH = [worker.shims, venv.bin, worker.env['PATH']].join(delimiter);
  const { code, stdout, stderr } = await worker.cli(['doctor', '--json'], { env: { PATH, ...env } });
  expect(stderr).toBe('');
  const { checks, problems } = JSON.parse(stdout) as { checks: Check[]; problems: number };
  expect(problems).toBe(checks.filter(({ level }) => level === 'problem').length);
  return { code, checks };
}

/** The store's checks where some requests fail. */
async function throughFaults(fault: Parameters<typeof startFaultServer>[0], upstream = world.s3!.url): Promise<{ code: number | undefined; checks: Check[] }> {
  const server = await startFaultServer(fault, { upstream });
  servers.push(server);
  const { code, checks } = await examine(server.env);
  return { code, checks: checks.filter(({ area }) => area === 'store') };
}

const whenever = (is: (method: string, path: string) => boolean, fault: Fault) => (request: IncomingMessage): Fault => (is(request.method ?? '', request.url ?? '') ? fault : 'pass');

it('asks a store behind a proxy, and says nothing else whatever DEBUG is', async () => {
  const proxy = await startProxy({ password: 'not-to-be-told' });
  const { checks } = await examine({ AWS_ENDPOINT_URL_S3: world.s3!.url.replace('127.0.0.1', 's3.internal.example'), HTTP_PROXY: proxy.url, DEBUG: '*' });
  await proxy.stop();
  expect(proxy.log.length).toBeGreaterThan(10);
  expect(checks.filter(({ area, level }) => area === 'store' && level === 'problem')).toEqual([]);
  const { host } = new URL(proxy.url);
  expect(checks.map(({ what }) => what)).toContainEqual(expect.stringMatching(new RegExp(`^its requests go to http://s3\\.internal\\.example:\\d+, through the proxy http://${host} \\(HTTP_PROXY\\)$`)));
  expect(JSON.stringify(checks)).not.toContain('not-to-be-told');
});

it('names the certificates of a store that cannot be reached, too', async () => {
  const { checks } = await examine({ AWS_ENDPOINT_URL_S3: 'https://127.0.0.1:9', SSL_CERT_FILE: '/nowhere/ca.pem', HTTPS_PROXY: 'http://user:not-to-be-told@127.0.0.1:9', NO_PROXY: '127.0.0.1' });
  expect(checks).toContainEqual({ area: 'store', level: 'ok', what: 'its requests go to https://127.0.0.1:9, without the proxy http://127.0.0.1:9 (HTTPS_PROXY): NO_PROXY names it' });
  expect(checks).toContainEqual({ area: 'store', level: 'note', what: expect.stringMatching(/^SSL_CERT_FILE names \/nowhere\/ca\.pem, which is no file/), next: expect.any(String) });
  expect(JSON.stringify(checks)).not.toContain('not-to-be-told');
});

it('finds nothing wrong with a worker that is set up well', async () => {
  const { code, checks } = await examine();
  expect(checks.filter(({ level }) => level === 'problem')).toEqual([]);
  expect(code).toBe(0);
  const said = checks.map(({ what }) => what);
  for (const part of ['pip is the shim', 'behind it: pip ', 'behind it: npm ', `cache_dir = ${worker.cache} (PKG_CACHE_DIR; over `, 'may be read; an answer takes', 'may be listed', 'its clock is', 'gives back what was written', 'of 8 writers of one object one was first', 'may be removed']) {
    expect(said, part).toContainEqual(expect.stringContaining(part));
  }
  expect(checks.filter(({ area }) => area === 'links').map(({ what }) => what)).toEqual([expect.stringContaining(venv.sitePackages), expect.stringMatching(/^this directory \/, on \w+ \(/)]);
});

it('reads well', async () => {
  const { stdout } = await worker.cli(['doctor'], { env: { PKG_CACHE_STORE: undefined } });
  expect(stdout).toMatch(/^tools\n {2}(ok|note) /);
  expect(stdout).toMatch(/\n {2}note {5}no store is configured: nothing is shared\n {11}→ set PKG_CACHE_STORE, or run install\.sh --store\n/);
});

describe('what it finds wrong, and what to do about it', () => {
  it('a tool in front of the shim', async () => {
    const { code, checks } = await examine({ PATH: [venv.bin, worker.shims, worker.env['PATH']].join(delimiter), VIRTUAL_ENV: venv.dir });
    expect(code).toBe(1);
    expect(checks).toContainEqual({ area: 'tools', level: 'problem', what: `pip is ${venv.bin}/pip, which comes before the shim ${worker.shims}/pip`, next: `export PATH="${worker.shims}:$PATH", after activating the virtual environment` });
  });

  it('shims that are turned off', async () => {
    expect((await examine({ PKG_CACHE: 'off' })).checks).toContainEqual(expect.objectContaining({ level: 'problem', what: 'PKG_CACHE is off: the shims do nothing' }));
  });

  it('settings', async () => {
    const { code, checks } = await examine({ PKG_CACHE_MAX_DAYS: 'x' });
    expect(code).toBe(1);
    expect(checks).toContainEqual(expect.objectContaining({ area: 'settings', level: 'problem', what: expect.stringContaining('PKG_CACHE_MAX_DAYS: x is not a number of days') }));
    // The rest is looked at all the same.
    expect(checks.map(({ area }) => area)).toContain('store');
  });

  it.each([
    ['writable for everybody', (path: string) => (mkdirSync(path), chmodSync(path, 0o777)), 'can be written by everybody'],
    ['a link', (path: string) => symlinkSync('/tmp', path), 'is a symbolic link'],
    ['good, with a level that is not', (path: string) => (mkdirSync(join(path, 'v1/spool/jobs'), { recursive: true }), chmodSync(join(path, 'v1/spool/jobs'), 0o777)), 'v1/spool/jobs, which is a part of the cache, can be written by everybody'],
  ])('a cache directory that is %s', async (name, make, why) => {
    const path = join(world.root, `cache ${name}`);
    make(path);
    const { code, checks } = await examine({ PKG_CACHE_DIR: path });
    expect(code).toBe(1);
    expect(checks).toContainEqual(expect.objectContaining({ area: 'cache', level: 'problem', what: expect.stringContaining(why), next: expect.stringContaining('PKG_CACHE_DIR') }));
  });

  it('a disk that is too full', async () => {
    expect((await examine({ PKG_CACHE_MIN_FREE: '1000T' })).checks).toContainEqual(expect.objectContaining({ area: 'cache', level: 'problem', what: expect.stringContaining('nothing is added') }));
  });

  it.each<[string, Parameters<typeof startFaultServer>[0], string]>([
    ['cannot be reached', 'refused', 'cannot be read: '],
    ['has no such bucket', 'no-bucket', 'there is no such bucket'],
    ['wants other credentials', 'forbidden', 'not with these credentials (AccessDenied'],
    ['is a login page', 'login-page', 'does not come from an S3 store'],
    ['may not be listed', whenever((method, path) => method === 'GET' && path.includes('list-type'), 'forbidden'), 'cannot be listed'],
    ['may not be written', whenever((method) => method === 'PUT', 'forbidden'), 'cannot be written'],
    ['changes bytes', whenever((method, path) => method === 'GET' && !path.includes('list-type'), 'flipped-bit'), 'does not come back as it was'],
    ['has another clock', 'day-ahead', 'its clock is 86'],
  ])('a store that %s', async (_name, fault, what) => {
    const { code, checks } = await throughFaults(fault);
    expect(code).toBe(1);
    expect(checks).toContainEqual({ area: 'store', level: 'problem', what: expect.stringContaining(what), next: expect.stringMatching(/\w/) });
  });

  it('a store in which nothing may be removed, which does little harm', async () => {
    const { checks } = await throughFaults(whenever((method) => method === 'DELETE', 'forbidden'));
    expect(checks).toContainEqual(expect.objectContaining({ level: 'note', what: expect.stringMatching(/^nothing can be removed: .*v1\/doctor\//) }));
  });

  it('a store that ignores conditions', async () => {
    const server = await startFaultServer('pass');
    servers.push(server);
    const { checks } = await examine(server.env);
    expect(checks).toContainEqual(expect.objectContaining({ level: 'note', what: expect.stringMatching(/^conditional writes do not work: \d of 8/) }));
  });
});

it('writes nothing where a worker is to write nothing, and asks nothing of a store that is not to be asked', async () => {
  const server = await startFaultServer('pass', { upstream: world.s3!.url });
  servers.push(server);
  await examine({ ...server.env, PKG_CACHE_READ_ONLY: 'on' });
  expect([...new Set(server.log.map(({ method }) => method))]).toEqual(['GET']);
  const before = server.requests;
  const { checks } = await examine({ ...server.env, PKG_CACHE_OFFLINE: 'on' });
  expect(server.requests).toBe(before);
  expect(checks).toContainEqual({ area: 'store', level: 'note', what: 'the store is not asked: offline is on' });
});
