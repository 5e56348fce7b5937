/** What a real MinIO does with encrypted objects, and with objects that nobody may remove for a day. By hand: `npm run test:s3`. */
import { CreateBucketCommand, GetObjectRetentionCommand, HeadObjectCommand, ListObjectsV2Command, ListObjectVersionsCommand, PutObjectLockConfigurationCommand, S3Client } from '@aws-sdk/client-s3';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import type { S3Settings } from '../../src/store/s3-options.ts';
import { startWorld, type World } from '../e2e/support/world.ts';
import type { Env, Worker } from '../e2e/support/worker.ts';
import { MINIO_KEY, programOf, startKind, type KindServer } from '../support/s3-kinds.ts';
import { read } from '../store/helpers.ts';

const program = await programOf('minio');
if (typeof program === 'string') console.warn(program);

const LARGE = 17_000_000;

describe.skipIf(typeof program === 'string')('MinIO', () => {
  let world: World;
  let server: KindServer;
  let client: S3Client;

  beforeAll(async () => {
    world = await startWorld();
    for (const name of ['ash', 'birch']) world.wheel({ name, version: '1.0' });
    server = await startKind('minio', typeof program === 'string' ? '' : program.path);
    const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = server.env;
    client = new S3Client({ endpoint: server.url, region: 'us-east-1', credentials: { accessKeyId, secretAccessKey }, forcePathStyle: true });
  });
  afterAll(async () => {
    client.destroy();
    await world.stop();
    await server.stop();
  });

  /** A worker with nothing in its cache. */
  const worker = (bucket: string, more: Env = {}): Worker => world.worker({ ...server.env, PKG_CACHE_STORE: `s3://${bucket}/fleet`, ...more });

  async function keys(Bucket: string): Promise<string[]> {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'fleet/' }));
    return Contents.map(({ Key = '' }) => Key);
  }

  /** An upload, a hit, a sync, a snapshot, `gc` and `verify`. */
  async function wholePath(bucket: string, env: Env = {}): Promise<Worker> {
    const one = worker(bucket, env);
    await one.fill(await world.venv(), ['ash==1.0', 'birch==1.0']);
    const hit = await worker(bucket, env).pip(await world.venv(), ['install', 'ash==1.0', 'birch==1.0']);
    expect(hit, hit.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('(store)') });
    const two = worker(bucket, env);
    expect(await two.cli(['sync', '--once'])).toMatchObject({ code: 0 });
    expect(await two.cached()).toEqual(['ash==1.0', 'birch==1.0']);
    expect(await one.cli(['snapshot', '--now'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/: 2 entries/) });
    expect(await worker(bucket, env).cli(['warm'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/: 2 entries/) });
    expect(await one.cli(['store', 'gc', '--yes'])).toMatchObject({ code: 0, stdout: expect.stringContaining('removed 0 objects') });
    expect(await one.cli(['verify', '--store'])).toMatchObject({ code: 0, stdout: '2 checked, 0 damaged\n' });
    return one;
  }

  /** An object that is sent in parts. */
  async function large(bucket: string, settings: S3Settings = {}): Promise<void> {
    const file = join(world.root, 'large');
    writeFileSync(file, Buffer.alloc(LARGE, 'the quick brown fox'));
    const store = await openStore(`s3://${bucket}/fleet`, { env: server.env, circuit: memoryCircuit(), settings });
    expect(await store.create('v1/large', { path: file, size: LARGE })).toBe('created');
    expect((await read(store, 'v1/large'))?.length).toBe(LARGE);
    store.close();
  }

  it.each<{ kind: string; settings: S3Settings; env: Env }>([
    { kind: 'AES256', settings: { s3Sse: 'AES256' }, env: { PKG_CACHE_S3_SSE: 'AES256' } },
    { kind: 'aws:kms', settings: { s3Sse: 'aws:kms', s3SseKmsKeyId: MINIO_KEY }, env: { PKG_CACHE_S3_SSE: 'aws:kms', PKG_CACHE_S3_SSE_KMS_KEY_ID: MINIO_KEY } },
  ])('encrypts every object with $kind', async ({ kind, settings, env }) => {
    const bucket = `encrypted-${kind.replace(':', '-').toLowerCase()}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    await wholePath(bucket, env);
    await large(bucket, settings);
    const all = await keys(bucket);
    expect(all.length).toBeGreaterThan(5);
    for (const Key of all) {
      const { ServerSideEncryption } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }));
      expect(ServerSideEncryption, Key).toBe(kind);
    }
  });

  it('goes on in a bucket whose objects are locked for a day', async () => {
    const bucket = 'locked';
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
    await client.send(new PutObjectLockConfigurationCommand({ Bucket: bucket, ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } } } }));
    const one = await wholePath(bucket);
    await large(bucket);
    const before = await keys(bucket);
    for (const Key of before) expect((await client.send(new GetObjectRetentionCommand({ Bucket: bucket, Key }))).Retention?.Mode, Key).toBe('GOVERNANCE');

    // Nothing is encrypted that is not asked to be.
    expect((await client.send(new HeadObjectCommand({ Bucket: bucket, Key: before[0] }))).ServerSideEncryption).toBeUndefined();

    // What is removed is out of sight behind a delete marker, and its bytes stay.
    const removed = await one.cli(['store', 'rm', 'ash', '--yes']);
    expect(removed, removed.stderr).toMatchObject({ code: 0 });
    const gone = before.filter((key) => key.endsWith('/ash/1'));
    expect(gone).toHaveLength(1);
    expect(await keys(bucket)).not.toContain(gone[0]);
    const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: gone[0] }));
    expect([Versions.length, DeleteMarkers.length]).toEqual([1, 1]);
    const collected = await one.cli(['store', 'gc', '--yes']);
    expect(collected, collected.stderr).toMatchObject({ code: 0 });
    expect(await worker(bucket).cli(['verify', '--store'])).toMatchObject({ code: 0, stdout: '1 checked, 0 damaged\n' });

    // A worker that has it not installs it from the index, and it is stored again.
    await worker(bucket).fill(await world.venv(), ['ash==1.0']);
    expect(await keys(bucket)).toContain(gone[0]);
    const hit = await worker(bucket).pip(await world.venv(), ['install', 'ash==1.0']);
    expect(hit, hit.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('(store)') });
  });
});
