import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import { failure } from './helpers.ts';

const open = (location: string) => openStore(location, { env: { AWS_REGION: 'us-east-1' }, circuit: memoryCircuit() });

it.each([
  ['s3://bucket', 's3://bucket'],
  ['s3://bucket/', 's3://bucket'],
  ['s3://bucket/a//b/', 's3://bucket/a/b'],
  ['s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/my-ap/a/b', 's3://arn:aws:s3:eu-west-1:123456789012:accesspoint/my-ap/a/b'],
  ['/srv/store/', '/srv/store/'],
  ['/srv/../store', '/store'],
  [pathToFileURL('/srv/a store').href, '/srv/a store'],
])('opens %s', async (location, label) => {
  const store = await open(location);
  expect(store.label).toBe(label);
  store.close();
});

it.each([
  '',
  'store',
  './store',
  '~/store',
  'http://host/bucket',
  'gs://bucket',
  'file://host/srv',
  's3://',
  's3:///prefix',
  's3://id:secret@bucket/prefix',
  's3://id:sec/ret@bucket/prefix',
  's3://arn:aws:s3::123456789012:accesspoint/multi.mrap/x',
  's3://bucket/../other',
  's3://bucket/a b',
  's3://bucket/prefix?secret',
])('refuses %j without repeating it', async (location) => {
  const error = await failure(open(location));
  expect(error.code).toBe('CONFIG');
  expect(error.hint).toContain('s3://bucket/prefix');
  expect(error.message).not.toContain('secret');
});
