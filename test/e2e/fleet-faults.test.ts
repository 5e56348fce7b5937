import { delimiter } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFaultServer, type Fault, type FaultServer } from '../support/fault-server.ts';
import { until } from './support/offline.ts';
import { start } from './support/started.ts';
import { startWorld, type World } from './support/world.ts';
import type { Env, Worker } from './support/worker.ts';

const SET = Array.from({ length: 10 }, (_, n) => `many${n}==1`);
const BYTES = 300_000;

let world: World;

beforeAll(async () => {
  world = await startWorld({ store: true });
  for (const [n, pin] of SET.entries()) world.wheel({ name: pin.split('==')[0]!, version: '1', files: { [`many${n}/data.bin`]: new Uint8Array(BYTES).fill(n) } });
  world.wheel({ name: 'huge', version: '1', files: { 'huge/data.bin': new Uint8Array(2_000_000).fill(7) } });
  for (const name of ['own', 'late', 'later', 'small1', 'small2']) world.wheel({ name, version: '1' });
  const builder = world.worker();
  await builder.fill(await world.venv(), SET);
  expect(await builder.cli(['snapshot', '--now'])).toMatchObject({ code: 0 });
});

afterAll(async () => await world.stop());

/** The store with a fault in some requests. */
async function withFault<T>(fault: Fault, isHit: (method: string, url: string) => boolean, work: (proxy: FaultServer) => Promise<T>): Promise<T> {
  const proxy = await startFaultServer(({ method = '', url = '' }) => (isHit(method, url) ? fault : 'pass'), { upstream: world.s3!.url });
  try {
    return await work(proxy);
  } finally {
    await proxy.stop();
  }
}

const isWrite = (method: string): boolean => method !== 'GET' && method !== 'HEAD';

/** A worker that has what the store lacks. */
async function withOwn(): Promise<Worker> {
  const alone = world.worker({ PKG_CACHE_STORE: undefined });
  await alone.fill(await world.venv(), ['own==1']);
  return world.worker({ PKG_CACHE_DIR: alone.cache });
}

it('a store that is full, or may only be read, is read all the same', async () => {
  const worker = await withOwn();
  await withFault('forbidden', isWrite, async (proxy) => {
    const { code, stdout, stderr } = await worker.cli(['sync', '--once'], { env: proxy.env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '10 brought down, 0 stored\n' });
    expect(stderr).toMatch(/^pkg-cache: nothing can be stored: .*AccessDenied.*\n$/);
    expect(await world.worker(proxy.env).cli(['warm', '--strict'])).toMatchObject({ code: 0, stderr: '' });
  });
  const other = await withOwn();
  await withFault('full', isWrite, async (proxy) => {
    const { code, stderr } = await other.cli(['sync', '--once'], { env: proxy.env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^pkg-cache: .*QuotaExceeded.*\n$/);
    expect(await other.cached()).toEqual([...SET, 'own==1']);
  });
  expect((await other.cli(['sync', '--once'])).stdout).toBe('0 brought down, 1 stored\n');
  expect((await worker.cli(['sync', '--once'])).stdout).toMatch(/^0 brought down, [01] stored\n$/);
  expect((await worker.cli(['status'])).stdout).not.toContain('may not write');
});

it('what a gateway refuses for its size keeps nothing else from being stored, and flush and doctor say so', async () => {
  const proxy = await startFaultServer(({ method, headers }) => (method === 'PUT' && Number(headers['content-length']) > 1_000_000 ? 'too-large' : 'pass'), { upstream: world.s3!.url });
  try {
    const worker = world.worker(proxy.env);
    await worker.pip(await world.venv(), ['install', 'huge==1', 'own==1', 'small1==1', 'small2==1']);
    const { code, stderr } = await worker.cli(['flush']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^pkg-cache: not stored: huge==1: store .*\(EntityTooLarge, 413\)\npkg-cache: 1 not stored yet\. .*\n$/);
    const doctor = await worker.cli(['doctor']);
    expect(doctor.code).toBe(1);
    expect(doctor.stdout).toMatch(/PROBLEM +huge==1 was not stored: .*413.*\n.*→ raise the limit/);
    expect((await world.worker().cli(['store', 'ls', 'own', 'small1', 'small2', 'huge'])).stdout).toContain('3 entries in');
    // Where it can be stored it is, and nobody speaks of it any more.
    expect(await worker.cli(['flush'], { env: world.s3!.env })).toMatchObject({ code: 0, stderr: '' });
    expect((await worker.cli(['doctor'], { env: world.s3!.env })).stdout).not.toContain('huge');
  } finally {
    await proxy.stop();
  }
});

it('a worker whose credentials have expired does not count as one that may only read', async () => {
  const worker = world.worker();
  await withFault('expired', () => true, async (proxy) => {
    await worker.pip(await world.venv(), ['install', 'later==1'], { env: proxy.env });
    expect(await worker.cli(['flush'], { env: proxy.env })).toMatchObject({ code: 1, stderr: expect.stringContaining('ExpiredToken') as string });
  });
  expect((await worker.cli(['status'])).stdout).not.toContain('may not write');
});

it('a worker that was denied to write counts as one that may as soon as it could', async () => {
  const worker = world.worker();
  await withFault('forbidden', isWrite, async (proxy) => {
    await worker.pip(await world.venv(), ['install', 'late==1'], { env: proxy.env });
    expect(await worker.cli(['flush'], { env: proxy.env })).toMatchObject({ code: 1 });
    expect((await worker.cli(['status'])).stdout).toContain('may not write to the store');
  });
  expect(await worker.cli(['flush'])).toMatchObject({ code: 0 });
  expect((await worker.cli(['status'])).stdout).not.toContain('may not write');
});

describe.each<Fault>(['drip', 'stall', 'reset-body', 'slow-down'])('a store that answers with %s', (fault) => {
  it('ends a sync, which goes on where it was', async () => {
    const worker = world.worker();
    await withFault(fault, (_method, url) => url.includes('/archives/'), async (proxy) => {
      const { code, stderr } = await worker.cli(['sync', '--once'], { env: proxy.env });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^pkg-cache: store .*\n$/);
      expect(await worker.cached()).toEqual([]);
    });
    expect(await worker.cli(['sync', '--once'])).toMatchObject({ code: 0, stderr: '' });
    expect(await worker.cached()).toEqual(expect.arrayContaining(SET));
  });

  it('ends warming up, which says so in a line', async () => {
    const worker = world.worker();
    await withFault(fault, (_method, url) => url.includes('.pack'), async (proxy) => {
      const { code, stdout, stderr } = await worker.cli(['warm'], { env: proxy.env });
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(stderr).toMatch(/^pkg-cache: not warmed up: store .*\n$/);
    });
    expect(await worker.cli(['warm', '--strict'])).toMatchObject({ code: 0, stderr: '' });
    expect(await worker.cached()).toEqual(expect.arrayContaining(SET));
  });
});

/** Bytes of packs that were asked for. */
function packBytes({ log }: FaultServer): number {
  const ranges = log.flatMap(({ path, headers }) => (path.includes('.pack') ? [/^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '')!] : []));
  return ranges.reduce((sum, [, from, to]) => sum + Number(to) - Number(from) + 1, 0);
}

function started(worker: Worker, args: readonly string[], more: Env): ReturnType<typeof start> {
  return start('pkg-cache', args, { ...worker.env, ...more, PATH: [worker.shims, worker.env['PATH']].join(delimiter) });
}

it('warming up that was killed asks for no more than what it lacks', async () => {
  const worker = world.worker();
  await withFault('pass', () => false, async (proxy) => {
    const warming = started(worker, ['warm'], { ...proxy.env, PKG_CACHE_SYNC_BANDWIDTH: '700k' });
    await until(async () => (await worker.cached()).length >= 3);
    process.kill(-warming.pid, 'SIGKILL');
    await warming.ended;
  });
  const there = (await worker.cached()).length;
  expect(there).toBeLessThan(SET.length);
  await withFault('pass', () => false, async (proxy) => {
    expect(await worker.cli(['warm', '--strict'], { env: proxy.env })).toMatchObject({ code: 0, stderr: '' });
    const perEntry = BYTES + 20_000;
    expect(packBytes(proxy)).toBeGreaterThan((SET.length - there) * BYTES);
    expect(packBytes(proxy)).toBeLessThan((SET.length - there) * perEntry);
  });
  expect(await worker.cached()).toEqual(expect.arrayContaining(SET));
});

it('a daemon that is told to end while it warms up ends in good order, and the next one goes on', async () => {
  const worker = world.worker();
  const daemon = started(worker, ['daemon'], { PKG_CACHE_SYNC_BANDWIDTH: '500k' });
  await until(async () => (await worker.cached()).length >= 2);
  daemon.kill('SIGTERM');
  expect(await daemon.ended).toEqual({ code: 0, signal: undefined, stdout: '', stderr: 'pkg-cache: daemon: at work\n' });
  const there = (await worker.cached()).length;
  expect(there).toBeLessThan(SET.length);
  expect((await worker.cli(['warm', '--strict'])).stdout).toMatch(new RegExp(`: ${SET.length - there} entries, .*; ${there} were there\\n`));
});
