import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { isUnreadable } from '../../src/store/failure.ts';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { startFaultServer, type Fault } from '../support/fault-server.ts';
import { startS3, type S3Server } from '../support/s3-server.ts';
import { failure, read } from './helpers.ts';

let s3: S3Server;

beforeAll(async () => void (s3 = await startS3()));

afterAll(async () => await s3.stop());

describe('an object that cannot be had', () => {
  it.each<[Fault, number]>([['forbidden', 3], ['internal-error', 4], ['too-large', 3]])('is no reason to leave the others alone: %s', async (fault, requests) => {
    const proxy = await startFaultServer(({ url = '' }) => (url.includes('/poison') ? fault : 'pass'), { upstream: s3.url });
    const store = await openStore(`s3://${s3.bucket}/${fault}`, { env: proxy.env, circuit: memoryCircuit() });
    try {
      await store.create('v1/good', Buffer.from('good'));
      const before = proxy.requests;
      const error = await failure(store.get('v1/poison'));
      expect(error).toMatchObject({ code: 'ARCHIVE_INVALID' });
      expect(isUnreadable(error)).toBe(true);
      expect(proxy.requests - before).toBeLessThanOrEqual(requests);
      expect((await read(store, 'v1/good'))?.toString()).toBe('good');
    } finally {
      store.close();
      await proxy.stop();
    }
  });

  it.each<Fault>(['forbidden', 'internal-error', 'slow-down', 'no-bucket'])('is one of all, where none can: %s', async (fault) => {
    const proxy = await startFaultServer(fault, { upstream: s3.url });
    const store = await openStore(`s3://${s3.bucket}/all`, { env: proxy.env, circuit: memoryCircuit() });
    try {
      expect((await failure(store.get('v1/poison'))).code).toMatch(/^STORE_/);
      const before = proxy.requests;
      expect((await failure(store.get('v1/good'))).message).toContain('not asked again for now');
      expect(proxy.requests).toBe(before);
    } finally {
      store.close();
      await proxy.stop();
    }
  });
});
