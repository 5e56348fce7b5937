import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startS3 } from '../../test/support/s3-server.ts';
import { compare, type Row } from '../compare.ts';
import type { Env, Lab } from '../lab.ts';
import { measure, type Way } from '../measure.ts';
import { makeSmallEntries } from '../small-entries.ts';
import type { Case } from './case.ts';

/** What is run, and whether with a cache that has run it before. */
interface Operation {
  readonly name: string;
  readonly args: readonly string[];
  /** What the cache of a worker still has when it begins: nothing, all but what it knows of the store (of which the journal is gone, too), everything. */
  readonly cache: 'empty' | 'entries' | 'all';
}

const OPERATIONS: readonly Operation[] = [
  { name: 'store du, first', args: ['store', 'du'], cache: 'empty' },
  { name: 'store du, again', args: ['store', 'du'], cache: 'all' },
  { name: 'store gc --dry-run, first', args: ['store', 'gc', '--dry-run'], cache: 'empty' },
  { name: 'store gc --dry-run, again', args: ['store', 'gc', '--dry-run'], cache: 'all' },
  { name: 'verify --store', args: ['verify', '--store'], cache: 'empty' },
  { name: 'warm', args: ['warm', '--strict'], cache: 'empty' },
  { name: 'sync --once, after a kill before anything was written down', args: ['sync', '--once'], cache: 'entries' },
];

/**
 * What looks after a store with many small entries (PKG_CACHE_BENCH_ENTRIES; 3000). Compared with another checkout of this project, which has been built
 * (PKG_CACHE_BENCH_OTHER): the two take turns.
 */
export const store: Case = async ({ lab, source, rounds }) => {
  const count = Number(process.env['PKG_CACHE_BENCH_ENTRIES'] ?? 3000);
  const other = process.env['PKG_CACHE_BENCH_OTHER'] ?? source;
  const wanted = process.env['PKG_CACHE_BENCH_ONLY'];
  process.env['TMPDIR'] = lab.path('tmp'); // where the server keeps its objects
  const s3 = await startS3();
  try {
    const env = { ...s3.env, PKG_CACHE_STORE: `s3://${s3.bucket}/bench`, PKG_CACHE_SYNC_INTERVAL: '0' };
    const full = lab.path('full-cache');
    makeSmallEntries(full, count);
    pkgCache(lab, source, ['sync', '--once'], { ...env, PKG_CACHE_DIR: full });
    pkgCache(lab, source, ['snapshot', '--now'], { ...env, PKG_CACHE_DIR: full });
    const rows: Row[] = [];
    for (const operation of OPERATIONS.filter(({ name }) => wanted === undefined || name.startsWith(wanted))) {
      process.stderr.write(` ${operation.name}\n`);
      const ways = [OURS, OTHER].map((name, at) => way(lab, name, at === 0 ? source : other, operation, { env, full, journal: join(s3.data, 'objects', s3.bucket, 'bench/v1/journal') }));
      rows.push(compare(measure(ways, rounds), `${operation.name}; ${count} entries`, OURS, OTHER, { kind: 'ratio', limit: 1 / 3 }));
    }
    return rows;
  } finally {
    await s3.stop();
  }
};

interface Place {
  readonly env: Env;
  /** A cache that has all entries. */
  readonly full: string;
  /** Where the server keeps the journal. */
  readonly journal: string;
}

const OURS = 'this checkout';
const OTHER = 'the other checkout';

function way(lab: Lab, name: string, checkout: string, { args, cache }: Operation, { env, full, journal }: Place): Way {
  const directory = cache === 'entries' ? full : lab.path(`cache-${name.replaceAll(' ', '-')}`);
  const run = (): number => pkgCache(lab, checkout, args, { ...env, PKG_CACHE_DIR: directory });
  const prepare = (): void => {
    if (cache === 'all') return;
    const lost = cache === 'entries' ? [join(directory, 'v1/state'), journal] : [directory];
    for (const path of lost) rmSync(path, { recursive: true, force: true });
  };
  return { name, prepare, run };
}

/** In milliseconds. */
function pkgCache(lab: Lab, checkout: string, args: readonly string[], env: Env): number {
  return lab.run(process.execPath, [join(checkout, 'dist/app/main.cjs'), 'pkg-cache', ...args], lab.env(false, { ...env, MALLOC_ARENA_MAX: '1' })).took;
}
