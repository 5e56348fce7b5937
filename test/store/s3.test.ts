import { CreateMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { build } from 'esbuild';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import { s3Clients } from '../../src/store/s3-client.ts';
import { abortLeftOvers, abortOld } from '../../src/store/s3-leftovers.ts';
import { startS3, type S3Server } from '../support/s3-server.ts';
import { BUILD_MS, temporaryDirectory } from './helpers.ts';

const MEGABYTE = 1024 * 1024;
const SIZE = 220 * MEGABYTE + 1;

const run = promisify(execFile);
const files = temporaryDirectory();
const script = join(files.path, 'transfer.mjs');
let s3: S3Server;

beforeAll(async () => {
  s3 = await startS3();
  await build({
    entryPoints: [fileURLToPath(new URL('./transfer.ts', import.meta.url))],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
}, BUILD_MS);
afterAll(async () => {
  files.remove();
  await s3.stop();
});

/** Runs the script in a process of its own, whose environment is `env` alone. */
async function transfer(env: Record<string, string>, ...argv: string[]) {
  const bare = { PATH: process.env['PATH'] ?? '', HOME: files.path, ...env };
  const { stdout, stderr } = await run(process.execPath, [script, ...argv], { env: bare });
  return { result: JSON.parse(stdout) as { created: string; sha256: string; maxRssMb: number }, stderr };
}

it('moves an object of more than 200 MB both ways in bounded memory', async () => {
  const path = join(files.path, 'large');
  const sha256 = writeLarge(path);
  const { result } = await transfer(s3.env, `s3://${s3.bucket}/memory`, path, String(SIZE));
  rmSync(path);
  expect(result).toMatchObject({ created: 'created', sha256 });
  expect(result.maxRssMb).toBeLessThan(250);
}, 180_000);

it('takes credentials, region and endpoint from the AWS files too, and says nothing on stderr', async () => {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_S3 } = s3.env;
  const [config, credentials, path] = ['config', 'credentials', 'small'].map((name) => join(files.path, name)) as [string, string, string];
  writeFileSync(config, `[profile other]\nregion = us-east-1\nendpoint_url = ${AWS_ENDPOINT_URL_S3}\n`);
  writeFileSync(credentials, `[other]\naws_access_key_id = ${AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${AWS_SECRET_ACCESS_KEY}\n`);
  writeFileSync(path, 'small');
  const env = {
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: credentials,
    AWS_PROFILE: 'other',
    // The profile wins, and the SDK would remark on it.
    AWS_ACCESS_KEY_ID: 'ignored',
    AWS_SECRET_ACCESS_KEY: 'ignored',
  };
  const { result, stderr } = await transfer(env, `s3://${s3.bucket}/profile`, path, '5');
  expect(result.created).toBe('created');
  expect(stderr).toBe('');
}, 60_000);

it('throws away uploads of a key that nobody finished within a day', async () => {
  const { writes, close } = await s3Clients(s3.env, s3.bucket);
  const where = { Bucket: s3.bucket, Key: 'left/over' };
  const pending = async () => (await writes.send(new ListMultipartUploadsCommand({ Bucket: s3.bucket }))).Uploads ?? [];
  for (const Key of ['left/over', 'left/over-2']) await writes.send(new CreateMultipartUploadCommand({ ...where, Key }));

  const watch = { signal: new AbortController().signal, progress: () => undefined };
  const tomorrow = () => Date.now() + 25 * 60 * 60 * 1000;
  await abortLeftOvers(writes, where, watch, Date.now);
  expect(await pending()).toHaveLength(2);
  await abortLeftOvers(writes, where, watch, tomorrow);
  expect((await pending()).map(({ Key }) => Key)).toEqual(['left/over-2']);
  expect(await abortOld(writes, { Bucket: s3.bucket, Prefix: 'elsewhere/' }, watch, tomorrow)).toBe(0);
  expect(await abortOld(writes, { Bucket: s3.bucket, Prefix: 'left/' }, watch, tomorrow)).toBe(1);
  expect(await pending()).toEqual([]);
  close();
});

it('spares an upload that has just begun also where our own clock is a day ahead', async () => {
  const { writes, close } = await s3Clients(s3.env, s3.bucket);
  await writes.send(new CreateMultipartUploadCommand({ Bucket: s3.bucket, Key: 'at/work' }));
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25 * 60 * 60 * 1000 });
  try {
    const store = await openStore(`s3://${s3.bucket}`, { env: s3.env, circuit: memoryCircuit() });
    expect(await store.create('at/work', { pieces: Readable.from([Buffer.from('x')]), atMost: 1 })).toBe('created');
    expect(await store.tidy()).toBe(0);
    store.close();
  } finally {
    vi.useRealTimers();
  }
  expect((await writes.send(new ListMultipartUploadsCommand({ Bucket: s3.bucket }))).Uploads).toHaveLength(1);
  close();
});

/** Writes SIZE bytes, no two megabytes alike, and answers with their hash. */
function writeLarge(path: string): string {
  const hash = createHash('sha256');
  const file = openSync(path, 'w');
  for (let start = 0, n = 0; start < SIZE; start += MEGABYTE, n++) {
    const chunk = Buffer.alloc(Math.min(MEGABYTE, SIZE - start), `megabyte ${n} `);
    hash.update(chunk);
    writeSync(file, chunk);
  }
  closeSync(file);
  return hash.digest('hex');
}
