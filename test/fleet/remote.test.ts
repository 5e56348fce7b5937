import { expect, it } from 'vitest';
import { entryId } from '../../src/cache/entry.ts';
import { listDir } from '../../src/cache/sweep.ts';
import { openForBackground, remoteStore } from '../../src/fleet/remote.ts';
import { tempCache } from '../cache/support.ts';
import { failure } from '../store/helpers.ts';
import { s3Env } from '../support/s3-server.ts';
import { keyOf } from './support.ts';

const DOWN = s3Env('http://127.0.0.1:1');
const LOCATION = 's3://bucket/prefix';

it('a store that fails a background process is still asked by installs', async () => {
  const cache = tempCache();
  const store = await openForBackground(cache, LOCATION, DOWN, { afresh: false });
  expect((await failure(store.get('v1/x'))).code).toBe('STORE_UNAVAILABLE');
  expect((await failure(store.get('v1/x'))).message).toContain('not asked again');
  store.close();
  expect(listDir(cache.path('state')).filter((name) => name.startsWith('circuit'))).toEqual([]);
});

it('one that fails an install is left alone by the next, until somebody asks for it by name', async () => {
  const cache = tempCache();
  const known = async (): Promise<boolean | undefined> => {
    const remote = await remoteStore(cache, LOCATION, DOWN, 0);
    expect((await remote.manifests([keyOf(0)])).has(entryId(keyOf(0)))).toBe(false);
    remote.close();
    return remote.problem()?.known;
  };
  expect([await known(), await known()]).toEqual([false, true]);
  (await openForBackground(cache, LOCATION, DOWN, { afresh: true })).close();
  expect(await known()).toBe(false);
});
