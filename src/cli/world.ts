import { existsSync, mkdirSync } from 'node:fs';
import { LocalCache } from '../cache/local.ts';
import { assertTrustworthy } from '../cache/trust.ts';
import { isYanked } from '../cache/yanked.ts';
import { configFiles, processEnv, readSettings, type Env, type Settings } from '../config.ts';
import type { Remote } from '../context.ts';
import { PkgCacheError } from '../errors.ts';
import type { BackgroundOptions } from '../fleet/background.ts';
import type { Pace } from '../fleet/pace.ts';
import { Spool } from '../fleet/spool.ts';
import { alsoTold, openLog } from '../log.ts';
import { keepHouse } from './housekeeping.ts';
import { collect as collectNpm } from '../npm/collect.ts';
import { COLLECT_DETAILS } from '../npm/details.ts';
import { isTreeKey } from '../npm/entry.ts';
import { PREPARE_DETAILS, prepareTree } from '../npm/prepared.ts';
import { collect as collectPip } from '../pip/collect/collect.ts';
import { spooledDetails } from '../pip/collect/details.ts';
import { Policy } from '../policy.ts';
import { asA } from '../shape.ts';
import { noteRealInstall } from '../stats/record.ts';
import type { Store } from '../store/store.ts';
import { FleetWorld, type OpenFleet } from './fleet-world.ts';

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
  /** Undefined without a store. */
  readonly fleet: FleetWorld | undefined;
}

export interface OpenOptions {
  /** A store that failed a moment ago is tried all the same. */
  readonly afresh?: boolean;
  /** Hears what background work logs, but not of every entry. */
  readonly tell?: (message: string) => void;
}

/** In messages, of what an install has left to be done in the background. */
const A_JOB = 'a job that was left';

/** Opens the configured cache. Throws CONFIG, CACHE_UNUSABLE. */
export function openWorld({ afresh = false, tell }: OpenOptions = {}): World {
  process.umask(0o022); // what goes into the cache is for all users of this machine
  const env = processEnv();
  const settings = readSettings(env, configFiles(env));
  if (settings.cacheDir === undefined) {
    throw new PkgCacheError('CONFIG', 'no cache is configured', { hint: 'set PKG_CACHE_DIR, or run install.sh' });
  }
  const { cacheDir, store } = settings;
  assertTrustworthy(cacheDir, process.getuid?.(), { deep: true });
  const policy = new Policy(settings);
  const cache = new LocalCache(cacheDir, { ...settings, whyNot: (key) => policy.whyNot(key) });
  makeState(cache);
  const spool = new Spool(cache);
  const openStore = async (location: string): Promise<Store> => {
    if (settings.offline) throw new PkgCacheError('STORE_UNAVAILABLE', 'the store is not asked: offline is on');
    const { openForBackground } = await import('../fleet/remote.ts');
    return await openForBackground(cache, location, env, { afresh, settings });
  };
  const kept = openLog(cache, settings.logDays);
  const log = tell ? alsoTold(kept, tell) : kept;
  const assemblers: BackgroundOptions['assemblers'] = { npm: (from, details, owner) => prepareTree(from, asA(PREPARE_DETAILS, details, 'UNRECOGNISED', A_JOB), owner) };
  const collectors: BackgroundOptions['collectors'] = {
    pip: (into, details, willCreate) => collectPip(into, asA(spooledDetails(into.path('spool', 'reports')), details, 'UNRECOGNISED', A_JOB), willCreate, policy),
    npm: (into, details, willCreate) => collectNpm(into, asA(COLLECT_DETAILS, details, 'UNRECOGNISED', A_JOB), willCreate, policy),
  };
  const fleet = store === undefined ? undefined : new FleetWorld({ cache, location: store, openStore: () => openStore(store), settings, allowed: (key) => policy.whyNot(key) === undefined && !isYanked(cache.root, key), isPending: (id) => existsSync(cache.path('spool', 'uploads', id)), afresh, log });
  const openUploads = store === undefined || settings.readOnly ? undefined : (): Promise<Store> => openStore(store);
  const background: BackgroundOptions = {
    cache,
    spool,
    noteRealInstall: (ecosystem, ids, ms) => noteCost(cache, ecosystem, ids, ms),
    housekeeping: () => keepHouse({ cache, spool, settings, log }),
    openStore: openUploads,
    collectors,
    assemblers,
    log,
    ...fleet?.uploads,
    ...(settings.offline && { whyNotWritten: () => 'offline is on' }),
  };
  const openRemote = async (): Promise<Remote | undefined> => {
    if (store === undefined || settings.offline) return undefined;
    const { remoteStore } = await import('../fleet/remote.ts');
    return await remoteStore(cache, store, env, 0, settings);
  };
  return { env, settings, cacheDir, cache, policy, spool, openRemote, background, fleet };
}

/** What cannot be remembered, because the disk is read-only or the cache is another user's, is found out again: no command ends for that. */
function makeState(cache: LocalCache): void {
  try {
    mkdirSync(cache.path('state'), { recursive: true });
  } catch {
    // Who has to write says so.
  }
}

/** As `openWorld`, for a command on the fleet. What the same command has left where it was killed goes first. Throws CONFIG without a store, too. */
export async function openFleet(pace: Pace): Promise<OpenFleet> {
  const { cache, fleet } = openWorld({ afresh: true });
  if (!fleet) throw new PkgCacheError('CONFIG', 'no store is configured', { hint: 'set PKG_CACHE_STORE, or run install.sh --store' });
  cache.sweep();
  return await fleet.open(pace);
}

/** What npm took is what its whole tree took: an install that is served is noted by its tree. */
function noteCost(cache: LocalCache, ecosystem: string, ids: readonly string[], ms: number): void {
  if (ecosystem !== 'npm') return noteRealInstall(cache, 'pip', ids, ms);
  const trees = ids.filter((id) => isTreeKey(cache.byId(id)?.entry.key));
  if (trees.length > 0) noteRealInstall(cache, 'npm', trees, ms);
}
