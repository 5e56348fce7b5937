import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ifAllowed } from '../../src/fleet/tend/remove.ts';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { memoryFacts, type StoreFacts } from '../../src/store/facts.ts';
import { openStore } from '../../src/store/open.ts';
import { startFaultServer, type Fault } from '../support/fault-server.ts';
import { s3Env, startS3, type S3Server } from '../support/s3-server.ts';
import { BUILD_MS, failure, read, temporaryDirectory } from './helpers.ts';

let s3: S3Server;
const files = temporaryDirectory();
beforeAll(async () => {
  s3 = await startS3();
}, BUILD_MS);
afterAll(async () => {
  files.remove();
  await s3.stop();
});

/** A real store that does not know everything; `fault` says what becomes of a request. */
async function lacking(fault: (req: IncomingMessage) => Fault | Promise<Fault>, facts: StoreFacts = memoryFacts()) {
  const server = await startFaultServer(fault, { upstream: s3.url });
  const open = () => openStore(`s3://${s3.bucket}/compatible`, { env: server.env, circuit: memoryCircuit(), facts });
  const store = await open();
  const stop = async (): Promise<void> => {
    store.close();
    await server.stop();
  };
  const conditions = () => server.log.filter(({ headers }) => 'if-none-match' in headers).length;
  return { server, store, open, conditions, stop };
}

const noConditions = (req: IncomingMessage): Fault => ('if-none-match' in req.headers ? 'not-implemented' : 'pass');

it('writes without a condition where conditions are not implemented, and finds that out once', async () => {
  const facts = memoryFacts();
  const { server, store, open, conditions, stop } = await lacking(noConditions, facts);
  expect(await store.create('b2/one', Buffer.from('first'))).toBe('created');
  expect(server.log.map(({ method }) => method)).toEqual(['HEAD', 'PUT', 'HEAD', 'PUT']);
  expect(await store.create('b2/one', Buffer.from('second'))).toBe('exists');
  expect(await store.create('b2/two', Buffer.from('x'))).toBe('created');
  const later = await open();
  expect(await later.create('b2/three', Buffer.from('x'))).toBe('created');
  later.close();
  expect(conditions()).toBe(1);
  expect(String(await read(store, 'b2/one'))).toBe('first');
  await stop();
});

it('completes an upload in parts where conditions are not implemented', async () => {
  const size = 17_000_000;
  const path = join(files.path, 'large');
  writeFileSync(path, Buffer.alloc(size, 'part'));
  const { store, conditions, stop } = await lacking(noConditions);
  expect(await store.create('b2/file', { path, size })).toBe('created');
  expect((await read(store, 'b2/file'))?.length).toBe(size);
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(size, 'x');
  };
  expect(await store.create('b2/stream', { pieces: pieces(), atMost: size })).toBe('created');
  expect(conditions()).toBe(1);
  await stop();
}, 60_000);

it('leaves what another has written since where conditions are not implemented', async () => {
  const other = await lacking(() => 'pass');
  const { store, stop } = await lacking(async (req) => {
    if (noConditions(req) === 'pass') return 'pass';
    await other.store.create('b2/raced', Buffer.from('other'));
    return 'not-implemented';
  });
  expect(await store.create('b2/raced', Buffer.from('mine'))).toBe('exists');
  expect(String(await read(store, 'b2/raced'))).toBe('other');
  await stop();
  await other.stop();
});

it('a refusal that has nothing to do with conditions is none of them', async () => {
  const facts = memoryFacts();
  const { store, stop } = await lacking((req) => (req.method === 'PUT' ? 'not-implemented' : 'pass'), facts);
  expect((await failure(store.create('b2/never', Buffer.from('x')))).code).toBe('STORE_UNAVAILABLE');
  expect(facts.read().unconditionalAt).toBeUndefined();
  await stop();
});

it('goes on where unfinished uploads cannot be listed', async () => {
  const { store, stop } = await lacking((req) => (req.url?.includes('uploads=') === true ? 'not-implemented' : 'pass'));
  const told: string[] = [];
  expect(await ifAllowed(() => store.tidy(), (why) => told.push(why))).toBeUndefined();
  expect(told.join()).toContain('NotImplemented, 501');
  await stop();
});

/** A listing of `keys` by a server that begins with the key that is to be followed, as some compatibles do. */
async function inclusive(keys: readonly string[]): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = createServer((req, res) => {
    const query = new URL(req.url ?? '', 'http://host').searchParams;
    const from = query.get('continuation-token') ?? query.get('start-after') ?? '';
    const left = keys.filter((key) => (query.has('continuation-token') ? key > from : key >= from));
    const page = left.slice(0, Number(query.get('max-keys')));
    const contents = page.map((key) => `<Contents><Key>${key}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`);
    const next = `<IsTruncated>${left.length > page.length}</IsTruncated><NextContinuationToken>${page.at(-1)}</NextContinuationToken>`;
    res.setHeader('content-type', 'application/xml');
    res.end(`<?xml version="1.0"?><ListBucketResult><Name>test-bucket</Name>${next}${contents.join('')}</ListBucketResult>`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

it.each([1, 2, 3, 1000])('lists in pages of %d where start-after is inclusive', async (limit) => {
  const keys = ['a', 'b', 'c', 'd', 'e'];
  const server = await inclusive(keys.map((key) => `p/${key}`));
  const store = await openStore('s3://test-bucket/p', { env: s3Env(server.url), circuit: memoryCircuit() });
  expect((await store.list('', { after: 'c' })).objects.map(({ key }) => key)).toEqual(['d', 'e']);
  const seen: string[] = [];
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await store.list('', { after, limit });
    seen.push(...page.objects.map(({ key }) => key));
    after = page.next;
  }
  expect(seen).toEqual(keys);
  store.close();
  await server.stop();
});
