import { rmSync } from 'node:fs';
import { LocalCache } from '../../src/cache/local.ts';
import { discardReady } from '../../src/cache/shelves.ts';
import { isTreeKey } from '../../src/npm/entry.ts';
import { startS3 } from '../../test/support/s3-server.ts';
import { compare, type Row } from '../compare.ts';
import type { Env } from '../lab.ts';
import { measure, type Way } from '../measure.ts';
import { NpmLab, OTHERS } from '../npm-lab.ts';
import type { Case } from './case.ts';

const REAL = 'npm, warm cache';

function warm(name: 'pnpm' | 'bun'): string {
  return `${name} ${OTHERS[name]}, warm`;
}

/** `npm ci` by the real npm, which has all tarballs in its cache. */
function byNpm(npm: NpmLab): Way {
  return { name: REAL, prepare: () => npm.withoutModules(), run: () => npm.realNpm() };
}

/** `npm ci` through the shim. Throws unless all of it was served from there. */
function served(npm: NpmLab, name: string, from: 'cache' | 'store', env: Env = {}): Way {
  return {
    name,
    prepare: () => npm.withoutModules(),
    run: () => {
      const { took, stdout } = npm.shim(env);
      if (!stdout.includes(`from the ${from}\n`)) throw new Error(`not served from the ${from}:\n${stdout}`);
      return took;
    },
    settle: () => npm.lab.flush(env),
  };
}

/** The real npm through the shim, and then what it brought is cached. */
function fill(npm: NpmLab, env: Env = {}): void {
  npm.withoutModules();
  npm.shim(env);
  npm.lab.flush(env);
}

export const npmVersion: Case = ({ lab, source, rounds }) => {
  const npm = new NpmLab(lab, source);
  const [real, shim] = ['the real npm', 'npm through the shim'];
  const ways = [
    { name: real, run: () => npm.version(false) },
    { name: shim, run: () => npm.version(true) },
  ];
  return [compare(measure(ways, rounds * 8), '`npm --version` through the shim', shim, real, { kind: 'difference', limit: 5 })];
};

/** A worker's usual case: the project is known, node_modules is absent. */
export const npmHit: Case = ({ lab, source, rounds }) => {
  const npm = new NpmLab(lab, source);
  const label = `npm ci, ${npm.packages} packages`;
  const [byPackage, copied, linked] = [`${label}, package by package`, `${label}, every file copied`, `${label}, hardlinked`];
  const env = { PKG_CACHE_DIR: lab.path('npm-hit-cache') };
  fill(npm, env);
  const other = (name: 'pnpm' | 'bun'): Way => ({ name: warm(name), prepare: () => npm.withoutOthers(name), run: () => npm.other(name) });
  served(npm, label, 'cache', env).run(); // the first makes no use of ready copies
  lab.flush(env);
  const ways = [
    served(npm, label, 'cache', env),
    { ...served(npm, byPackage, 'cache', env), prepare: () => (npm.withoutModules(), withoutTrees(env.PKG_CACHE_DIR)) },
    served(npm, copied, 'cache', { ...env, PKG_CACHE_READY_COPIES: 'off' }),
    served(npm, linked, 'cache', { ...env, PKG_CACHE_LINK_MODE: 'hardlink' }),
    other('pnpm'),
    other('bun'),
    byNpm(npm),
  ];
  const times = measure(ways, rounds);
  rmSync(env.PKG_CACHE_DIR, { recursive: true });
  const against = (ours: string, limits: readonly [string, number?][]): Row[] => limits.map(([theirs, limit]) => compare(times, ours, ours, theirs, limit === undefined ? undefined : { kind: 'ratio', limit }));
  return [
    ...against(label, [[warm('bun'), 0.5], [warm('pnpm'), 0.9], [REAL, 0.08]]),
    ...against(byPackage, [[warm('bun'), 1.5], [warm('pnpm'), 0.9], [REAL, 0.08]]),
    ...against(copied, [[warm('bun')]]),
    ...against(linked, [[warm('bun')]]),
  ];
};

/** As for a lockfile that was never served, whose packages others have in common with it: there is no copy of the whole tree. */
function withoutTrees(cacheDir: string): void {
  const cache = new LocalCache(cacheDir);
  discardReady(cache, [...cache.ids()].filter((id) => isTreeKey(cache.byId(id)?.entry.key)));
}

/** The first install of a new worker: its cache is empty, the bucket is not. */
export const npmStoreHit: Case = async ({ lab, source, rounds }) => {
  const npm = new NpmLab(lab, source);
  process.env['TMPDIR'] = lab.path('tmp'); // where the server keeps its objects
  const s3 = await startS3();
  try {
    const store = { ...s3.env, PKG_CACHE_STORE: `s3://${s3.bucket}/bench` };
    const first = { ...store, PKG_CACHE_DIR: lab.path('npm-first-cache') };
    fill(npm, first);
    rmSync(first.PKG_CACHE_DIR, { recursive: true });
    const second = { ...store, PKG_CACHE_DIR: lab.path('npm-second-cache') };
    const label = `npm ci, store hit, ${npm.packages} packages, empty local cache`;
    const hit = served(npm, label, 'store', second);
    const prepare = (): void => {
      npm.withoutModules();
      rmSync(second.PKG_CACHE_DIR, { recursive: true, force: true });
    };
    const times = measure([{ ...hit, prepare }, byNpm(npm)], rounds);
    rmSync(second.PKG_CACHE_DIR, { recursive: true });
    return [compare(times, `${label} (${s3.kind} on loopback)`, label, REAL, { kind: 'ratio', limit: 0.5 })];
  } finally {
    await s3.stop();
  }
};

/** Nothing is cached, and the real npm does it all: what the shim adds until it returns. */
export const npmMiss: Case = ({ lab, source, rounds }) => {
  const npm = new NpmLab(lab, source);
  const env = { PKG_CACHE_DIR: lab.path('npm-miss-cache') };
  const label = `npm ci, miss, ${npm.packages} packages`;
  npm.realNpm(); // fills npm's cache
  const missing: Way = {
    name: label,
    prepare: () => {
      npm.withoutModules();
      rmSync(env.PKG_CACHE_DIR, { recursive: true, force: true });
    },
    run: () => npm.shim(env).took,
    settle: () => lab.flush(env),
  };
  const times = measure([byNpm(npm), missing], rounds);
  rmSync(env.PKG_CACHE_DIR, { recursive: true });
  return [compare(times, label, label, REAL, { kind: 'ratio', limit: 1.05 })];
};
