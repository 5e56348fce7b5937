import { appendFileSync, mkdirSync } from 'node:fs';
import { LocalCache, assertTrustworthy } from '../cache/local.ts';
import { configFiles, processEnv, readSettings, type Env, type Settings } from '../config.ts';
import { PkgCacheError } from '../errors.ts';
import type { BackgroundOptions } from '../fleet/background.ts';
import { Spool } from '../fleet/spool.ts';
import { collect as collectNpm, type CollectDetails as NpmDetails } from '../npm/collect.ts';
import { collect as collectPip } from '../pip/collect/collect.ts';
import type { CollectDetails as PipDetails } from '../pip/collect/job.ts';
import type { Store } from '../store/store.ts';

/** What the commands work on. */
export interface World {
  readonly env: Env;
  readonly settings: Settings;
  readonly cacheDir: string;
  readonly cache: LocalCache;
  readonly spool: Spool;
  readonly background: BackgroundOptions;
}

/** Opens the configured cache. `afresh`: a store that failed a moment ago is tried all the same. Throws CONFIG, CACHE_UNUSABLE. */
export function openWorld({ afresh = false } = {}): World {
  process.umask(0o022); // what goes into the cache is for all users of this machine
  const env = processEnv();
  const settings = readSettings(env, configFiles(env));
  if (settings.cacheDir === undefined) {
    throw new PkgCacheError('CONFIG', 'no cache is configured', { hint: 'set PKG_CACHE_DIR, or run install.sh' });
  }
  const { cacheDir, store } = settings;
  assertTrustworthy(cacheDir, process.getuid?.());
  const cache = new LocalCache(cacheDir);
  mkdirSync(cache.path('state'), { recursive: true });
  const spool = new Spool(cache);
  const openStore = async (location: string): Promise<Store> => {
    const { openSharedStore } = await import('../fleet/remote.ts');
    return await openSharedStore(cache, location, env, { afresh });
  };
  const log = (message: string): void => appendFileSync(cache.path('state', 'background.log'), `${new Date().toISOString()} ${process.pid} ${message}\n`);
  const collectors: BackgroundOptions['collectors'] = {
    pip: (into, details, willCreate) => collectPip(into, details as PipDetails, willCreate),
    npm: (into, details, willCreate) => collectNpm(into, details as NpmDetails, willCreate),
  };
  return {
    env,
    settings,
    cacheDir,
    cache,
    spool,
    background: { cache, spool, openStore: store === undefined ? undefined : () => openStore(store), collectors, log },
  };
}
