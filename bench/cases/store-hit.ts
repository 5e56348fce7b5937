import { rmSync } from 'node:fs';
import { startS3 } from '../../test/support/s3-server.ts';
import { compare } from '../compare.ts';
import { measure } from '../measure.ts';
import { large } from '../sets.ts';
import { byPip, fill, served, type Case } from './case.ts';

/** The first install of a new worker: its cache is empty, the bucket is not. */
export const storeHit: Case = async ({ lab, source, rounds }) => {
  const set = large(source);
  process.env['TMPDIR'] = lab.path('tmp'); // where the server keeps its objects
  const s3 = await startS3();
  try {
    const store = { ...s3.env, PKG_CACHE_STORE: `s3://${s3.bucket}/bench` };
    const first = { ...store, PKG_CACHE_DIR: lab.path('first-cache') };
    fill(lab, set, first);
    rmSync(first.PKG_CACHE_DIR, { recursive: true });
    const second = { ...store, PKG_CACHE_DIR: lab.path('second-cache') };
    const label = `store hit, ${set.count} wheels, empty local cache`;
    const hit = served(lab, label, set, 'store', second);
    const prepare = (): void => {
      hit.prepare();
      rmSync(second.PKG_CACHE_DIR, { recursive: true, force: true });
    };
    const times = measure([{ ...hit, prepare }, byPip(lab, set)], rounds);
    rmSync(second.PKG_CACHE_DIR, { recursive: true });
    return [compare(times, `${label} (${s3.kind} on loopback)`, label, 'pip, warm cache', { kind: 'ratio', limit: 0.1 })];
  } finally {
    await s3.stop();
  }
};
