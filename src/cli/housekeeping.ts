import { lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { clean } from '../cache/clean.ts';
import { describe, type LocalCache } from '../cache/local.ts';
import type { Spool } from '../fleet/spool.ts';
import { logFiles, type Log } from '../log.ts';
import { foldStatistics } from '../stats/totals.ts';
import type { Settings } from '../settings.ts';

export interface House {
  readonly cache: LocalCache;
  readonly spool: Spool;
  readonly settings: Pick<Settings, 'maxDays' | 'maxSize' | 'cleanLimit' | 'logDays'>;
  readonly log: Log;
}

/** How long sums of installs are kept. */
const STATISTICS_DAYS = 400;

/** How long the cache is left alone after it has been looked through, in milliseconds. */
const PAUSE_MS = 60_000;

/** What the background process does when it is through with its work: old logs go, and what the limits of the cache say. Never throws. */
export function keepHouse({ cache, spool, settings, log }: House): void {
  try {
    logFiles(cache).sweep(settings.logDays);
    foldStatistics(cache, STATISTICS_DAYS);
    if (settings.cleanLimit === 0 || !isDue(cache)) return;
    const pending = new Set(spool.uploads());
    const limit = settings.cleanLimit < 0 ? Infinity : settings.cleanLimit * 1000;
    for (const { reason, entry, bytes } of clean({ cache, ...settings, all: false, stalled: false, dryRun: false, isNeeded: (id) => pending.has(id), limit })) {
      if (entry?.key) log(`deleted ${describe({ key: entry.key, version: entry.version ?? entry.key.version })}: ${REASONS[reason] ?? reason}`, { bytes });
    }
  } catch (error) {
    log(`clean: ${error instanceof Error ? error.message : String(error)}`, { level: 'error' });
  }
}

const REASONS: Readonly<Record<string, string>> = { unused: 'nobody used it for max_days', size: 'more than max_size' };

/** Whether enough time has passed since the last time; from now on it has not. */
function isDue(cache: LocalCache): boolean {
  const path = cache.path('state', 'cleaned');
  const last = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (Math.abs(Date.now() - last) < PAUSE_MS) return false;
  mkdirSync(cache.path('state'), { recursive: true });
  writeFileSync(path, '');
  return true;
}
