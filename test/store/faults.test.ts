import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/errors.ts';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import { startFaultServer, type Fault, type FaultServer } from '../support/fault-server.ts';
import { startS3, type S3Server } from '../support/s3-server.ts';
import { BUILD_MS, failure, outcome, read, temporaryDirectory } from './helpers.ts';

/** What a whole install may lose to a store, in milliseconds: 5 s, and as much again for a busy machine. */
const CAP_MS = 10_000;

const PREFIX = 'faults';
const BODY = Buffer.alloc(50_000, 'a body that takes a while ');

let s3: S3Server;
beforeAll(async () => {
  s3 = await startS3();
  const store = await openStore(`s3://${s3.bucket}/${PREFIX}`, { env: s3.env, circuit: memoryCircuit() });
  await store.create('present', BODY);
  store.close();
}, BUILD_MS);
afterAll(() => s3.stop());

/** A store behind a fault server in front of the real one. */
async function behind(fault: Fault | ((req: IncomingMessage) => Fault)) {
  const server = await startFaultServer(fault, { upstream: s3.url });
  const circuit = memoryCircuit();
  const store = await openStore(`s3://${s3.bucket}/${PREFIX}`, { env: server.env, circuit });
  const stop = async (): Promise<void> => {
    store.close();
    await server.stop();
  };
  return { server, circuit, store, stop };
}

/** A hundred reads at once all fail with `code`, soon, and the next call fails without a request. */
async function failsAtOnce(fault: Fault, code: ErrorCode): Promise<void> {
  const { server, circuit, store, stop } = await behind(fault);
  const start = performance.now();
  const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcome(read(store, 'present'))));
  expect(performance.now() - start).toBeLessThan(CAP_MS);
  expect(outcomes).toContain(code);
  // Those that came after the circuit had opened.
  expect(outcomes.filter((o) => o !== code && o !== 'STORE_UNAVAILABLE')).toEqual([]);

  expect(circuit.openUntil()).toBeGreaterThan(Date.now());
  const { requests } = server;
  expect(await outcome(store.get('present'))).toBe('STORE_UNAVAILABLE');
  expect(await outcome(store.create('new', BODY))).toBe('STORE_UNAVAILABLE');
  expect(server.requests).toBe(requests);
  await stop();
}

describe.concurrent('a store that keeps us waiting', () => {
  it.each<Fault>(['black-hole', 'drip', 'stall'])('%s', (fault) => failsAtOnce(fault, 'STORE_UNAVAILABLE'), 60_000);
});

describe('a store that fails', () => {
  it.each<[Fault, ErrorCode]>([
    ['refused', 'STORE_UNAVAILABLE'],
    ['forbidden', 'STORE_DENIED'],
    ['expired', 'STORE_DENIED'],
    ['skewed', 'STORE_DENIED'],
    ['no-bucket', 'STORE_UNAVAILABLE'],
    ['internal-error', 'STORE_UNAVAILABLE'],
    ['slow-down', 'STORE_UNAVAILABLE'],
    ['too-many-requests', 'STORE_UNAVAILABLE'],
    ['reset', 'STORE_UNAVAILABLE'],
    ['reset-body', 'STORE_UNAVAILABLE'],
    ['short-body', 'STORE_UNAVAILABLE'],
    ['login-page', 'STORE_UNAVAILABLE'],
  ])('%s: %s', failsAtOnce, 60_000);
});

it.each<Fault>(['internal-error', 'slow-down', 'too-many-requests', 'reset', 'skewed'])(
  'survives one %s',
  async (fault) => {
    let asked = 0;
    const { server, circuit, store, stop } = await behind(() => (asked++ === 0 ? fault : 'pass'));
    expect(await read(store, 'present')).toEqual(BODY);
    expect(server.requests).toBe(2);
    expect(circuit.openUntil()).toBeUndefined();
    await stop();
  },
);

it('hands on wrong bytes of the right length: only the reader knows what they should be', async () => {
  const bad = await behind('flipped-bit');
  expect((await read(bad.store, 'present'))?.equals(BODY)).toBe(false);
  await bad.stop();
  const short = await behind('short-length');
  expect((await read(short.store, 'present'))?.length).toBe(BODY.length - 1);
  await short.stop();
});

it('says what to do, and repeats nothing that the store said', async () => {
  const missing = await behind('no-bucket');
  expect((await failure(missing.store.get('present'))).hint).toContain('create the bucket');
  await missing.stop();
  const { store, stop } = await behind('forbidden');
  const error = await failure(store.get('present'));
  expect(error.hint).toContain('s3:GetObject');
  expect(JSON.stringify([error.message, error.hint, error.cause, String(error.cause)])).not.toMatch(/LEAKED|Signature|AKIA|key=/);
  await stop();
});

const isWrite = (req: IncomingMessage): boolean => req.method === 'PUT' || req.method === 'POST';

it('serves what it has to credentials that may not write', async () => {
  const { circuit, store, stop } = await behind((req) => (isWrite(req) ? 'forbidden' : 'pass'));
  expect(await outcome(store.create('denied', BODY))).toBe('STORE_DENIED');
  expect(await read(store, 'present')).toEqual(BODY);
  expect(circuit.openUntil()).toBeUndefined();
  await stop();
});

it('serves what it has when it takes no more, and lets who may not ask write', async () => {
  const full = await behind((req) => (isWrite(req) ? 'internal-error' : 'pass'));
  expect(await outcome(full.store.create('full', BODY))).toBe('STORE_UNAVAILABLE');
  expect(await read(full.store, 'present')).toEqual(BODY);
  await full.stop();
  const writeOnly = await behind((req) => (req.method === 'HEAD' ? 'forbidden' : 'pass'));
  expect(await writeOnly.store.create('write-only', BODY)).toBe('created');
  await writeOnly.stop();
});

it.each<[Fault, RegExp]>([
  ['forbidden', /s3:GetObject/],
  ['expired', /renew/],
  ['skewed', /clock/],
])('says what to do about %s', async (fault, what) => {
  const { store, stop } = await behind(fault);
  expect((await failure(store.get('present'))).hint).toMatch(what);
  await stop();
});

it.each<[Fault, string]>([
  ['login-page', 'STORE_UNAVAILABLE'],
  ['reset', 'STORE_UNAVAILABLE'],
  ['too-many-requests', 'STORE_UNAVAILABLE'],
  ['expired', 'STORE_DENIED'],
])('does not take %s for a stored object', async (fault, code) => {
  const all = await behind(fault);
  expect(await outcome(all.store.create('x', BODY))).toBe(code);
  await all.stop();
  const writes = await behind((req) => (isWrite(req) ? fault : 'pass'));
  expect(await outcome(writes.store.create('x', BODY))).toBe(code);
  await writes.stop();
});

describe('a multipart upload', () => {
  const files = temporaryDirectory();
  const path = join(files.path, 'large');
  const size = 17_000_000;
  beforeAll(() => writeFileSync(path, Buffer.alloc(size, 'part')));
  afterAll(files.remove);

  const asks = (method: string, part: string) => (req: IncomingMessage) => req.method === method && req.url?.includes(part);
  const completes = asks('POST', 'uploadId=');
  const sendsPartTwo = asks('PUT', 'partNumber=2');
  const abortsOf = (server: FaultServer) => server.log.filter(({ method, path }) => method === 'DELETE' && path.includes('uploadId='));

  it.each<[Fault, (req: IncomingMessage) => boolean | undefined]>([
    ['complete-error', completes],
    ['internal-error', completes],
    ['slow-down', sendsPartTwo],
    ['reset', sendsPartTwo],
  ])('that meets %s fails and is thrown away', async (fault, chosen) => {
    const { server, store, stop } = await behind((req) => (chosen(req) ? fault : 'pass'));
    expect(await outcome(store.create('large', { path, size }))).toBe('STORE_UNAVAILABLE');
    expect(abortsOf(server)).toHaveLength(1);
    await stop();
    const plain = await behind('pass');
    expect(await plain.store.get('large')).toBeUndefined();
    await plain.stop();
  }, 30_000);

  it('survives one bad part', async () => {
    let parts = 0;
    const { store, stop } = await behind((req) => (sendsPartTwo(req) && parts++ === 0 ? 'internal-error' : 'pass'));
    expect(await store.create('large-retried', { path, size })).toBe('created');
    expect((await read(store, 'large-retried'))?.length).toBe(size);
    await stop();
  }, 30_000);
});

it('sends bytes as they are, so that a store which keeps chunk framing keeps none', async () => {
  const naive = await startFaultServer('pass');
  const store = await openStore('s3://bucket/prefix', { env: naive.env, circuit: memoryCircuit() });
  expect(await store.create('x', BODY)).toBe('created');
  expect(await read(store, 'x')).toEqual(BODY);
  const put = naive.log.find(({ method }) => method === 'PUT');
  expect(put?.headers).toMatchObject({ 'if-none-match': '*', 'content-length': String(BODY.length) });
  expect(Object.keys(put?.headers ?? {}).filter((name) => /trailer|content-encoding|checksum|expect/.test(name))).toEqual([]);
  store.close();
  await naive.stop();
});

it('does not overwrite in a store that ignores conditions', async () => {
  const naive = await startFaultServer('pass');
  const store = await openStore('s3://bucket/prefix', { env: naive.env, circuit: memoryCircuit() });
  expect(await store.create('x', Buffer.from('first'))).toBe('created');
  expect(await store.create('x', Buffer.from('second'))).toBe('exists');
  expect(String(await read(store, 'x'))).toBe('first');
  store.close();
  await naive.stop();
});

const isList = (req: IncomingMessage): boolean => req.method === 'GET' && (req.url?.includes('list-type=2') ?? false);

it.each<[string, Fault, ErrorCode]>([
  ['may not be listed', 'forbidden', 'STORE_DENIED'],
  ['cannot list', 'internal-error', 'STORE_UNAVAILABLE'],
])('serves what it has where it %s', async (_what, fault, code) => {
  const { circuit, store, stop } = await behind((req) => (isList(req) ? fault : 'pass'));
  expect(await outcome(store.list('v1/'))).toBe(code);
  expect(await read(store, 'present')).toEqual(BODY);
  expect(circuit.openUntil()).toBeUndefined();
  await stop();
});

it.each<[Fault, ErrorCode]>([
  ['black-hole', 'STORE_UNAVAILABLE'],
  ['internal-error', 'STORE_UNAVAILABLE'],
  ['login-page', 'STORE_UNAVAILABLE'],
  ['short-body', 'STORE_UNAVAILABLE'],
  ['no-bucket', 'STORE_UNAVAILABLE'],
])('a listing that meets %s: %s', async (fault, code) => {
  const { store, stop } = await behind((req) => (isList(req) ? fault : 'pass'));
  expect(await outcome(store.list('v1/'))).toBe(code);
  await stop();
}, 60_000);

it('goes through a listing that never ends only once', async () => {
  const { store, stop } = await behind((req) => (isList(req) ? 'endless-list' : 'pass'));
  const first = await store.list('');
  expect(first.next).toBe('again');
  expect((await failure(store.list('', { after: first.next }))).message).toContain('not in order');
  await stop();
});

it('notices a store that ignores ranges, and is not put off by it', async () => {
  const { circuit, store, stop } = await behind((req) => (req.headers.range === undefined ? 'pass' : 'range-ignored'));
  expect(await outcome(store.get('present', { start: 5, length: 10 }))).toBe('ARCHIVE_INVALID');
  expect(circuit.openUntil()).toBeUndefined();
  expect(await read(store, 'present')).toEqual(BODY);
  await stop();
});

it('takes the time from the store, whatever ours is', async () => {
  const { store, stop } = await behind('day-ahead');
  expect((await store.now()) - Date.now()).toBeGreaterThan(86_000_000);
  await stop();
});
