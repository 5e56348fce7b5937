import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { entryDirs, entryStatus, type EntryStatus } from '../cache/listing.ts';
import type { EntryKey } from '../cache/entry.ts';
import { describe, type LocalCache } from '../cache/local.ts';
import { knownOrigins } from '../cache/origins.ts';
import { readyUsage } from '../cache/shelves.ts';
import type { Spool } from '../fleet/spool.ts';
import type { FleetFacts } from '../fleet/state.ts';
import type { Rule } from '../policy.ts';
import { describeFleet, fleetJson } from './fleet-status.ts';
import { isNamed } from './select.ts';
import { formatAge, formatBytes, formatCount, type Colour, type Printer } from './terminal.ts';

export const STATUSES = ['cached', 'pending', 'copying', 'stalled', 'removed'] as const;

type Status = (typeof STATUSES)[number];

export interface StatusRequest {
  readonly cacheDir: string;
  readonly cache: LocalCache;
  readonly spool: Spool;
  /** Undefined without a store. */
  readonly fleet: FleetFacts | undefined;
  readonly json: boolean;
  readonly filter: Filter;
  /** Undefined: in no order, which shows the first rows at once. */
  readonly sort: 'size' | 'used' | 'name' | undefined;
  /** Rows at most. */
  readonly limit: number;
  readonly printer: Printer;
}

export interface Filter {
  /** All, if there is none. */
  readonly names: readonly Rule[];
  readonly ecosystem: string | undefined;
  readonly statuses: readonly Status[];
}

/** A row of the table. `pending`: cached, and not in the store yet. */
interface Row {
  readonly status: Status;
  readonly ecosystem: string;
  readonly package: string;
  readonly version: string;
  readonly platform: string;
  readonly origin: string;
  /** What the origin stands for, if that is known here. */
  readonly from?: string;
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since the epoch; ISO 8601 in JSON. */
  readonly lastUsed: number;
}

/** Prints the cache's place, a row per entry, and totals; row by row, whatever the number of entries. */
export function printStatus(request: StatusRequest): void {
  const { spool } = request;
  const pending = new Set(spool.uploads());
  const totals = new Totals();
  const rows = counted(select(request, pending), totals);
  const spooled = { jobs: spool.jobs().length, uploads: pending.size };
  const { fleet } = request;
  const ready = readyUsage(request.cache);
  const copies = ready.copies === 0 ? '' : `; ${formatCount(ready.copies, 'ready copy', 'ready copies')}, ${formatBytes(ready.bytes)}`;
  if (request.json) printJson(request, rows, () => ({ totals, ready, spooled, fleet: fleet && fleetJson(fleet) }));
  else printTable(request, rows, () => `${totals.describe()}${copies}; ${formatCount(spooled.jobs, 'job')} spooled${fleet ? `\n${describeFleet(fleet)}` : ''}`);
}

function printJson({ cacheDir, printer }: StatusRequest, rows: Iterable<Row>, end: () => object): void {
  printer.write(`{\n  "cache": ${JSON.stringify(cacheDir)},\n  "entries": [`);
  let separator = '';
  for (const row of rows) {
    printer.write(`${separator}\n    ${JSON.stringify({ ...row, lastUsed: new Date(row.lastUsed).toISOString() })}`);
    separator = ',';
  }
  printer.line(`${separator === '' ? '' : '\n  '}],\n${JSON.stringify(end(), null, 2).slice(2)}`);
}

const COLOURS: Readonly<Record<Status, Colour>> = { cached: 'green', pending: 'yellow', copying: 'yellow', stalled: 'red', removed: 'dim' };

function printTable({ cacheDir, printer }: StatusRequest, rows: Iterable<Row>, end: () => string): void {
  printer.line(`cache: ${cacheDir}${existsSync(cacheDir) ? '' : ' (empty)'}`);
  const now = Date.now();
  let isFirst = true;
  for (const { status, ecosystem, package: name, version, bytes, lastUsed, origin, from, path } of rows) {
    if (isFirst) printer.line(printer.paint('bold', `${'status'.padEnd(8)} ${columns('tool', 'package', 'size', 'last used', 'origin', 'path')}`));
    isFirst = false;
    const what = describe({ key: { ecosystem, name }, version });
    const shortened = (from ?? origin).replace(/https?:\/\//g, '').slice(0, 32);
    printer.line(`${printer.paint(COLOURS[status], status.padEnd(8))} ${columns(ecosystem, what, formatBytes(bytes), formatAge(lastUsed, now), shortened, path)}`);
  }
  printer.line(end());
}

function columns(tool: string, what: string, size: string, used: string, origin: string, path: string): string {
  return [tool.padEnd(4), what.padEnd(36), size.padStart(9), used.padStart(10), origin.padEnd(16), path].join(' ');
}

function* counted(rows: Iterable<Row>, totals: Totals): Generator<Row> {
  for (const row of rows) {
    totals.add(row);
    yield row;
  }
}

/** How many there are of each status, and how large they are together. */
class Totals {
  readonly #counts = new Map<Status, number>();
  #bytes = 0;

  add({ status, bytes }: Row): void {
    this.#counts.set(status, (this.#counts.get(status) ?? 0) + 1);
    this.#bytes += bytes;
  }

  describe(): string {
    return `${[...this.#counts].map(([status, count]) => `${count} ${status}`).join(', ') || 'no entries'}; ${formatBytes(this.#bytes)}`;
  }

  toJSON(): object {
    return { ...Object.fromEntries(this.#counts), bytes: this.#bytes };
  }
}

/** The rows that were asked for. Only to sort them is something kept of each, and then no more than what it is sorted by. */
function* select(request: StatusRequest, pending: ReadonlySet<string>): Generator<Row> {
  const { cache, sort, limit } = request;
  const origins = knownOrigins(cache);
  let count = 0;
  if (sort === undefined) {
    for (const entry of cache.list()) {
      const row = rowOf(entry, pending, origins);
      if (!isWanted(row, request.filter)) continue;
      if (count++ >= limit) return;
      yield row;
    }
    return;
  }
  for (const path of sorted(request, sort, pending).slice(0, limit)) yield rowOf(entryStatus(path), pending, origins);
}

function sorted({ cache, filter }: StatusRequest, sort: 'size' | 'used' | 'name', pending: ReadonlySet<string>): string[] {
  const found: { path: string; by: number | string }[] = [];
  for (const path of entryDirs(cache.root)) {
    const entry = entryStatus(path);
    const row = rowOf(entry, pending, new Map());
    if (isWanted(row, filter)) found.push({ path, by: sort === 'name' ? `${row.package} ${row.version}` : sort === 'size' ? -row.bytes : -entry.lastUsed });
  }
  return found.sort((a, b) => (a.by < b.by ? -1 : a.by > b.by ? 1 : 0)).map(({ path }) => path);
}

function isWanted({ status, ecosystem, package: name, version }: Row, { names, ecosystem: wanted, statuses }: Filter): boolean {
  if (wanted !== undefined && wanted !== ecosystem) return false;
  if (statuses.length > 0 && !statuses.includes(status)) return false;
  return names.length === 0 || ((ecosystem === 'pip' || ecosystem === 'npm') && isNamed(names, { ecosystem, name, version }));
}

function rowOf({ status, key, version, path, size, lastUsed }: EntryStatus, pending: ReadonlySet<string>, origins: ReadonlyMap<string, string>): Row {
  const from = key && fromOf(key, origins);
  return {
    status: status === 'cached' && pending.has(basename(path)) ? 'pending' : status,
    ecosystem: key?.ecosystem ?? '?',
    package: key?.name ?? '?',
    version: version ?? '?',
    platform: key?.platform ?? '?',
    origin: key?.origin ?? '?',
    ...(from !== undefined && { from }),
    path,
    bytes: size,
    lastUsed,
  };
}

/** What npm's entries come from, their platform says (docs/store-layout.md). */
function fromOf({ ecosystem, platform, origin }: EntryKey, origins: ReadonlyMap<string, string>): string | undefined {
  if (ecosystem === 'pip') return origins.get(origin);
  return origin === 'project' ? undefined : platform === 'any' ? 'registry' : 'install scripts';
}
