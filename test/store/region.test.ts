import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { memoryFacts, type StoreFacts } from '../../src/store/facts.ts';
import { openStore } from '../../src/store/open.ts';
import { s3Failure } from '../../src/store/s3-failure.ts';
import { startFaultServer } from '../support/fault-server.ts';
import { s3Env, startS3, type S3Server } from '../support/s3-server.ts';
import { BUILD_MS, failure, read } from './helpers.ts';

let s3: S3Server;
beforeAll(async () => {
  s3 = await startS3({ region: 'eu-west-1' });
}, BUILD_MS);
afterAll(() => s3.stop());

/** A worker that takes the bucket for one in us-east-1. */
async function misled(facts: StoreFacts) {
  const server = await startFaultServer('pass', { upstream: s3.url });
  const open = () => openStore(`s3://${s3.bucket}/region`, { env: server.env, circuit: memoryCircuit(), facts });
  return { server, open };
}

it('finds the region of a bucket, and asks no more than once', async () => {
  const facts = memoryFacts();
  const { server, open } = await misled(facts);
  const store = await open();
  expect(await store.create('v1/a', Buffer.from('a'))).toBe('created');
  expect(facts.read().region).toMatchObject({ configured: 'us-east-1', actual: 'eu-west-1' });
  const before = server.requests;
  for (let n = 0; n < 5; n++) expect(String(await read(store, 'v1/a'))).toBe('a');
  expect(server.requests - before).toBe(5);
  store.close();

  const later = await open();
  const earlier = server.requests;
  expect(String(await read(later, 'v1/a'))).toBe('a');
  expect((await later.list('v1/')).objects).toHaveLength(1);
  await later.remove('v1/a');
  expect(server.requests - earlier).toBe(3);
  later.close();
  await server.stop();
});

it('a first read in the wrong region costs two refused requests, and what was remembered wrongly is found out', async () => {
  const facts = memoryFacts();
  const { server, open } = await misled(facts);
  const wrong = { endpoint: new URL(server.url).host, configured: 'us-east-1', actual: 'ap-south-1' };
  for (const region of [undefined, wrong]) {
    facts.note({ region });
    const store = await open();
    const before = server.requests;
    expect(await store.get('v1/none')).toBeUndefined();
    expect(server.requests - before).toBe(3);
    store.close();
    expect(facts.read().region?.actual).toBe('eu-west-1');
  }
  await server.stop();
});

it.each([
  ['for another endpoint', { endpoint: 'other.example', configured: 'us-east-1', actual: 'eu-west-1' }],
  ['for another setting', { endpoint: '', configured: 'eu-north-1', actual: 'eu-west-1' }],
  ['that is none', { endpoint: '', configured: 'us-east-1', actual: 'evil.example/' }],
])('a region that is remembered %s is not used', async (_what, region) => {
  const facts = memoryFacts();
  const { server, open } = await misled(facts);
  facts.note({ region: { ...region, endpoint: region.endpoint || new URL(server.url).host } });
  const store = await open();
  await store.get('v1/none');
  expect(server.log[0]?.headers.authorization).toContain('/us-east-1/s3/aws4_request');
  store.close();
  await server.stop();
});

it('follows the header of a 301, as AWS sends it, with one refused request', async () => {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    const region = /\/\d{8}\/([^/]+)\//.exec(req.headers.authorization ?? '')?.[1] ?? '';
    asked.push(region);
    if (region === 'us-west-2') return res.writeHead(200, { etag: '"x"', 'content-length': '1' }).end('x');
    res.writeHead(301, { 'x-amz-bucket-region': 'us-west-2', 'content-type': 'application/xml' });
    return res.end('<Error><Code>PermanentRedirect</Code><Endpoint>bucket.s3.us-west-2.amazonaws.com</Endpoint></Error>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const store = await openStore('s3://bucket', { env: s3Env(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), circuit: memoryCircuit() });
  for (let n = 0; n < 2; n++) expect(String(await read(store, 'v1/a'))).toBe('x');
  expect(asked).toEqual(['us-east-1', 'us-west-2', 'us-west-2']);
  store.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

it('says which region it is, and not that the keys are wrong', async () => {
  const malformed = { name: 'AuthorizationHeaderMalformed', Region: 'eu-west-1', $metadata: { httpStatusCode: 400 } };
  expect(s3Failure('s3://bucket', malformed).hint).toBe('set AWS_REGION to eu-west-1');
  expect(s3Failure('s3://bucket', { ...malformed, Region: undefined }).hint).toBe('set AWS_REGION to the region that the bucket is in');
  const server = createServer((_req, res) => res.writeHead(301).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const store = await openStore('s3://bucket', { env: s3Env(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), circuit: memoryCircuit() });
  expect(await failure(store.get('v1/a'))).toMatchObject({ code: 'STORE_DENIED', message: expect.stringContaining('another region'), hint: expect.stringContaining('AWS_REGION') });
  store.close();
  server.closeAllConnections();
  server.close();
});
