import { mkdirSync } from 'node:fs';
import { LocalCache, assertTrustworthy } from '../cache/local.ts';
import { whyFull } from '../cache/floor.ts';
import { configFiles, processEnv, readSettings, type Env, type Settings } from '../config.ts';
import type { Remote } from '../context.ts';
import { PkgCacheError } from '../errors.ts';
import type { BackgroundOptions } from '../fleet/background.ts';
import type { Fleet, FleetSettings } from '../fleet/fleet.ts';
import { groupOf } from '../fleet/group.ts';
import type { Pace } from '../fleet/pace.ts';
import { FleetState } from '../fleet/state.ts';
import { Spool } from '../fleet/spool.ts';
import { openLog } from '../log.ts';
import { keepHouse } from './housekeeping.ts';
import { collect as collectNpm, type CollectDetails as NpmDetails } from '../npm/collect.ts';
import { remakePackage } from '../npm/remake.ts';
import { prepareTree, type PrepareDetails } from '../npm/prepared.ts';
import { collect as collectPip } from '../pip/collect/collect.ts';
import type { CollectDetails as PipDetails } from '../pip/collect/job.ts';
import { Policy } from '../policy.ts';
import { noteRealInstall } from '../stats/record.ts';
import type { Store } from '../store/store.ts';

/** What the commands on the fleet work on, until `close`. */
export interface FleetWorld {
  readonly fleet: Fleet;
  readonly close: () => void;
}

/** What the commands work on. */
export interface World {
  readonly env: Env;
  readonly settings: Settings;
  readonly cacheDir: string;
  readonly cache: LocalCache;
  readonly policy: Policy;
  readonly spool: Spool;
  /** The store as an install sees it; undefined without one. */
  readonly openRemote: () => Promise<Remote | undefined>;
  readonly background: BackgroundOptions;
  /** Opens the store for work that concerns the whole fleet. Throws CONFIG without a store. */
  openFleet(pace: Pace): Promise<FleetWorld>;
}

const DAY = 86_400_000;
const FLEET_DEFAULTS: FleetSettings = { syncEvery: 600_000, syncWindow: 7 * DAY, snapshotEvery: DAY, snapshotLimit: 5e9, storeWindow: 0 };

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
  const policy = new Policy(settings);
  const cache = new LocalCache(cacheDir, { ...settings, whyNot: (key) => policy.whyNot(key) });
  mkdirSync(cache.path('state'), { recursive: true });
  const spool = new Spool(cache);
  const openStore = async (location: string): Promise<Store> => {
    if (settings.offline) throw new PkgCacheError('STORE_UNAVAILABLE', 'the store is not asked: offline is on');
    const { openSharedStore } = await import('../fleet/remote.ts');
    return await openSharedStore(cache, location, env, { afresh });
  };
  const log = openLog(cache, settings.logDays);
  const assemblers: BackgroundOptions['assemblers'] = { npm: (from, details, owner) => prepareTree(from, details as PrepareDetails, owner) };
  const collectors: BackgroundOptions['collectors'] = {
    pip: (into, details, willCreate) => collectPip(into, details as PipDetails, willCreate, policy),
    npm: (into, details, willCreate) => collectNpm(into, details as NpmDetails, willCreate, policy),
  };
  return {
    env,
    settings,
    cacheDir,
    cache,
    policy,
    spool,
    openRemote: async () => {
      if (store === undefined || settings.offline) return undefined;
      const { remoteStore } = await import('../fleet/remote.ts');
      return await remoteStore(cache, store, env);
    },
    openFleet: async (pace) => {
      if (store === undefined) throw new PkgCacheError('CONFIG', 'no store is configured', { hint: 'set PKG_CACHE_STORE, or run install.sh --store' });
      const opened = await openStore(store);
      const fleet: Fleet = {
        cache,
        store: opened,
        group: groupOf(undefined),
        settings: FLEET_DEFAULTS,
        state: new FleetState(cache, store),
        makers: { npm: remakePackage },
        allowed: (key) => policy.whyNot(key) === undefined,
        hasRoom: (bytes) => whyFull(cache.root, { ...settings, minFree: settings.minFree + bytes }) === undefined,
        pace,
        log,
      };
      return { fleet, close: () => opened.close() };
    },
    background: { cache, spool, noteRealInstall: (ecosystem, ids, ms) => noteRealInstall(cache, ecosystem === 'npm' ? 'npm' : 'pip', ids, ms), housekeeping: () => keepHouse({ cache, spool, settings, log }), openStore: store === undefined || settings.readOnly ? undefined : () => openStore(store), collectors, assemblers, log },
  };
}
