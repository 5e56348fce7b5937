import { existsSync } from 'node:fs';
import { describe, type EntryStatus, type LocalCache } from '../cache/local.ts';
import { entryId } from '../cache/entry.ts';
import type { Spool } from '../fleet/spool.ts';

export interface StatusRequest {
  readonly cacheDir: string;
  readonly cache: LocalCache;
  readonly spool: Spool;
  readonly json: boolean;
  readonly print: (line: string) => void;
}

/** A row of the table. `pending`: cached, and not in the store yet. */
interface Row {
  readonly status: EntryStatus['status'] | 'pending';
  readonly ecosystem: string;
  readonly package: string;
  readonly version: string;
  readonly platform: string;
  readonly origin: string;
  readonly path: string;
  readonly bytes: number;
  readonly lastUsed: string;
}

/** Prints the cache's place, a row per entry, and totals; row by row, whatever the number of entries. */
export function printStatus({ cacheDir, cache, spool, json, print }: StatusRequest): void {
  const pending = new Set(spool.uploads());
  const counts = new Map<string, number>();
  let bytes = 0;
  const seen = (row: Row): Row => {
    counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
    bytes += row.bytes;
    return row;
  };
  if (json) {
    const entries = [...rows(cache, pending)].map(seen);
    print(JSON.stringify({ cache: cacheDir, entries, totals: { ...Object.fromEntries(counts), bytes }, spooled: { jobs: spool.jobs().length, uploads: pending.size } }, null, 2));
    return;
  }
  print(`cache: ${cacheDir}${existsSync(cacheDir) ? '' : ' (empty)'}`);
  for (const row of rows(cache, pending)) {
    const { status, ecosystem, package: name, version, origin, path } = seen(row);
    print([status.padEnd(8), ecosystem.padEnd(4), describe({ key: { ecosystem, name }, version }).padEnd(36), origin.padEnd(17), path].join(' '));
  }
  const summary = [...counts].map(([status, count]) => `${count} ${status}`).join(', ') || 'no entries';
  print(`${summary}; ${(bytes / 1e6).toFixed(1)} MB; ${spool.jobs().length} jobs spooled`);
}

function* rows(cache: LocalCache, pending: ReadonlySet<string>): Generator<Row> {
  for (const { status, key, version, path, size, lastUsed } of cache.list()) {
    yield {
      status: status === 'cached' && key && pending.has(entryId(key)) ? 'pending' : status,
      ecosystem: key?.ecosystem ?? '?',
      package: key?.name ?? '?',
      version: version ?? '?',
      platform: key?.platform ?? '?',
      origin: key?.origin ?? '?',
      path,
      bytes: size,
      lastUsed: new Date(lastUsed).toISOString(),
    };
  }
}
