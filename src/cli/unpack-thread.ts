import { parentPort } from 'node:worker_threads';
import { LocalCache } from '../cache/local.ts';
import { configFiles, processEnv, readSettings } from '../config.ts';
import { unpackFor } from '../fleet/unpack-threads.ts';
import { Policy } from '../policy.ts';
import { MAKERS } from './makers.ts';

/** What a thread does that was started to unpack; the one that started it has looked at the cache directory and set the umask. */
export function runUnpackThread(): void {
  const env = processEnv();
  const settings = readSettings(env, configFiles(env));
  if (!parentPort || settings.cacheDir === undefined) return;
  const policy = new Policy(settings);
  unpackFor(parentPort, new LocalCache(settings.cacheDir, { ...settings, whyNot: (key) => policy.whyNot(key) }), MAKERS);
}
