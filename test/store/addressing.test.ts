import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import type { S3Settings } from '../../src/store/s3-options.ts';
import { startFaultServer } from '../support/fault-server.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { s3Env, startS3, type S3Server } from '../support/s3-server.ts';
import { BUILD_MS, outcome, read, temporaryDirectory } from './helpers.ts';

const files = temporaryDirectory();
const DOMAIN = 's3.internal.example';
let s3: S3Server;
/** Where all names are this machine's. */
let proxy: Proxy;

beforeAll(async () => {
  s3 = await startS3({ domain: DOMAIN });
  proxy = await startProxy();
}, BUILD_MS);
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => {
  await proxy.stop();
  await s3.stop();
  files.remove();
});

let made = 0;

/** An AWS config file for the SDK, which reads the process's environment. */
function awsConfig(text: string): void {
  const path = join(files.path, `config-${made++}`); // the SDK reads each file once
  writeFileSync(path, text);
  vi.stubEnv('AWS_CONFIG_FILE', path);
}

const env = (): Record<string, string> => ({ ...s3Env(s3.url.replace('127.0.0.1', DOMAIN)), HTTP_PROXY: proxy.url });

it.each([
  ['set', () => undefined, { s3AddressingStyle: 'virtual' }, `test-bucket.${DOMAIN}`],
  ['in the AWS config file', () => awsConfig('[default]\ns3 =\n  addressing_style = virtual\n'), {}, `test-bucket.${DOMAIN}`],
  ['set otherwise than in the AWS config file', () => awsConfig('[default]\ns3 =\n  addressing_style = virtual\n'), { s3AddressingStyle: 'auto' }, DOMAIN],
  ['not set', () => undefined, {}, DOMAIN],
] as [string, () => void, S3Settings, string][])('an own endpoint with the addressing style %s', async (name, prepare, settings, host) => {
  prepare();
  const before = proxy.log.length;
  const store = await openStore(`s3://test-bucket/${name.replaceAll(' ', '-')}`, { env: env(), circuit: memoryCircuit(), settings });
  expect(await store.create('v1/a', Buffer.from('x'))).toBe('created');
  expect(String(await read(store, 'v1/a'))).toBe('x');
  expect((await store.list('v1/')).objects).toHaveLength(1);
  store.close();
  expect(new Set(proxy.log.slice(before).map((line) => new URL(line.split(' ')[1]!).hostname))).toEqual(new Set([host]));
});

const ARN = 'arn:aws:s3:eu-west-1:123456789012:accesspoint/my-ap';

it.each([
  ['accelerated', 's3://bucket/p', '', { s3UseAccelerateEndpoint: true }, {}, 'bucket.s3-accelerate.amazonaws.com'],
  ['accelerated by the AWS config file', 's3://bucket/p', 's3 =\n  use_accelerate_endpoint = true\n', {}, {}, 'bucket.s3-accelerate.amazonaws.com'],
  ['dual-stack by the AWS config file', 's3://bucket/p', 'use_dualstack_endpoint = true\n', {}, {}, 'bucket.s3.dualstack.us-east-1.amazonaws.com'],
  ['dual-stack as the AWS CLI has it', 's3://bucket/p', 's3 =\n  use_dualstack_endpoint = true\n', {}, {}, 'bucket.s3.dualstack.us-east-1.amazonaws.com'],
  ['dual-stack by the environment', 's3://bucket/p', '', {}, { AWS_USE_DUALSTACK_ENDPOINT: 'true' }, 'bucket.s3.dualstack.us-east-1.amazonaws.com'],
  ['by path', 's3://bucket/p', '', { s3AddressingStyle: 'path' }, {}, 's3.us-east-1.amazonaws.com'],
  ['an access point', `s3://${ARN}/p`, '', {}, {}, 'my-ap-123456789012.s3-accesspoint.eu-west-1.amazonaws.com'],
  ['plain', 's3://bucket/p', '', {}, {}, 'bucket.s3.us-east-1.amazonaws.com'],
] as [string, string, string, S3Settings, Record<string, string>, string][])('AWS, %s', async (_name, location, config, settings, more, host) => {
  awsConfig(`[default]\n${config}`);
  for (const [name, value] of Object.entries(more)) vi.stubEnv(name, value);
  const store = await openStore(location, { env: { ...s3Env(''), HTTPS_PROXY: proxy.url }, circuit: memoryCircuit(), settings });
  const before = proxy.log.length;
  // Nothing listens behind the proxy.
  expect(await outcome(store.get('v1/a'))).toBe('STORE_UNAVAILABLE');
  expect(proxy.log[before]).toBe(`CONNECT ${host}:443`);
  store.close();
});

it('says who pays, how objects are encrypted, and what the MD5 of each body is', async () => {
  const server = await startFaultServer('pass');
  const settings: S3Settings = { s3Sse: 'aws:kms', s3SseKmsKeyId: 'alias/key', s3RequestPayer: 'requester' };
  const store = await openStore('s3://bucket/p', { env: server.env, circuit: memoryCircuit(), settings });
  expect(await store.create('v1/a', Buffer.from('x'))).toBe('created');
  expect(String(await read(store, 'v1/a'))).toBe('x');
  await outcome(store.list('v1/'));
  const path = join(files.path, 'large');
  writeFileSync(path, Buffer.alloc(17_000_000));
  await outcome(store.create('v1/large', { path, size: 17_000_000 })); // which this server knows nothing of
  store.close();
  await server.stop();
  for (const { headers } of server.log) expect(headers).toMatchObject({ 'x-amz-request-payer': 'requester', authorization: expect.stringMatching(/SignedHeaders=[^,]*x-amz-request-payer/) });
  const put = server.log.find(({ method }) => method === 'PUT');
  const encryption = { 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id': 'alias/key' };
  expect(put?.headers).toMatchObject({ ...encryption, 'content-md5': createHash('md5').update('x').digest('base64') });
  expect(server.log.find(({ path: url }) => url.includes('?uploads'))?.headers).toMatchObject(encryption);
  for (const { method, headers } of server.log) if (method === 'GET' || method === 'HEAD') expect(headers).not.toHaveProperty('x-amz-server-side-encryption');
});

it('sends the MD5 of each part, too', async () => {
  const server = await startFaultServer('pass', { upstream: s3.url });
  const path = join(files.path, 'parts');
  writeFileSync(path, Buffer.alloc(17_000_000, 'part'));
  const store = await openStore('s3://test-bucket/parts', { env: server.env, circuit: memoryCircuit() });
  expect(await store.create('v1/large', { path, size: 17_000_000 })).toBe('created');
  store.close();
  await server.stop();
  const parts = server.log.filter(({ path: url }) => url.includes('partNumber='));
  expect(parts).toHaveLength(4);
  for (const { headers } of parts) expect(headers).toHaveProperty('content-md5');
});
