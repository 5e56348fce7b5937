import { rmSync } from 'node:fs';
import { dayOf } from '../cache/day-files.ts';
import type { LocalCache } from '../cache/local.ts';
import { statFiles, type StatRecord } from './record.ts';
import { replaceFile } from '../replace-file.ts';
import { count, finite, isA, list, maybe, object, oneOf, readA, record as recordOf, text, type Shape } from '../shape.ts';

/** What the installs of one ecosystem on one day add up to. */
export interface Total {
  readonly day: string;
  readonly ecosystem: 'pip' | 'npm';
  installs: number;
  /** Installs of which nothing was left to the real tool. */
  served: number;
  /** Packages. */
  local: number;
  store: number;
  missed: number;
  bytes: number;
  /** Milliseconds that installs took in which the cache placed something, without the real tool's share. */
  spent: number;
  /** Milliseconds that the real tool would have taken for what was placed, less `spent`; as far as that is known. */
  saved: number;
  /** Installs by why they, or a part of them, were left to the real tool. */
  readonly reasons: Record<string, number>;
}

/** A line that stands for all installs of a day that is over. */
interface Folded {
  readonly total: Total;
}

/** All that is known, a row per day and ecosystem, oldest first. */
export function totals(cache: LocalCache): Total[] {
  const files = statFiles(cache);
  const costs = new Costs(cache);
  return files.days().flatMap((day) => totalsOf(day, files.read(day), costs));
}

/**
 * Replaces the records of days that are over by their sums, and forgets days that are older than `keepDays`. For the background process: one
 * at a time. Throws the system's error.
 */
export function foldStatistics(cache: LocalCache, keepDays: number): void {
  const files = statFiles(cache);
  files.sweep(keepDays);
  const costs = new Costs(cache);
  const today = dayOf(Date.now());
  for (const day of files.days().filter((each) => each < today)) {
    const records = files.read(day);
    if (records.every(isFolded)) continue;
    const lines = totalsOf(day, records, costs).map((total) => `${JSON.stringify({ total } satisfies Folded)}\n`);
    costs.save(); // first, because the records that they come from go now
    replaceFile(files.path(day), lines.join(''));
  }
}

/** Forgets all installs; how long real ones took is kept. */
export function resetStatistics(cache: LocalCache): void {
  const files = statFiles(cache);
  const costs = new Costs(cache);
  for (const day of files.days()) totalsOf(day, files.read(day), costs);
  if (files.days().length > 0) costs.save();
  for (const day of files.days()) rmSync(files.path(day), { force: true });
}

function totalsOf(day: string, records: readonly unknown[], costs: Costs): Total[] {
  const found = new Map<string, Total>();
  const own = records.filter(isRecord);
  for (const record of own) if (record.took) costs.learn(record);
  for (const { total } of records.filter(isFolded)) found.set(total.ecosystem, { ...total, reasons: { ...total.reasons } });
  for (const record of own) {
    if (record.took) continue;
    const total = found.get(record.e) ?? { day, ecosystem: record.e, installs: 0, served: 0, local: 0, store: 0, missed: 0, bytes: 0, spent: 0, saved: 0, reasons: {} };
    found.set(record.e, total);
    add(total, record, costs);
  }
  return [...found.values()];
}

function add(total: Total, { e, ms, ids, local = 0, store = 0, missed = 0, why, bytes = 0 }: StatRecord, costs: Costs): void {
  total.installs++;
  if (why === undefined) total.served++;
  else total.reasons[why] = (total.reasons[why] ?? 0) + 1;
  total.local += local;
  total.store += store;
  total.missed += missed;
  total.bytes += bytes;
  if (local + store === 0) return;
  total.spent += ms;
  total.saved += Math.max(0, costs.of(e, ids) - ms);
}

/** How long the real tools took for each entry, in milliseconds: an install's time in equal parts. What is not known counts as the average. */
class Costs {
  readonly #path: string;
  readonly #known = new Map<string, number>();
  readonly #sums = { pip: { ms: 0, count: 0 }, npm: { ms: 0, count: 0 } };

  constructor(cache: LocalCache) {
    this.#path = cache.path('state', 'costs.json');
    for (const [key, ms] of Object.entries(readCosts(this.#path))) this.#set(key, ms);
  }

  learn({ e, ids, ms }: StatRecord): void {
    for (const id of ids) this.#set(`${e} ${id}`, Math.round(ms / ids.length));
  }

  of(ecosystem: 'pip' | 'npm', ids: readonly string[]): number {
    const { ms, count } = this.#sums[ecosystem];
    const average = count === 0 ? 0 : ms / count;
    return ids.reduce((sum, id) => sum + (this.#known.get(`${ecosystem} ${id}`) ?? average), 0);
  }

  save(): void {
    replaceFile(this.#path, JSON.stringify(Object.fromEntries(this.#known)));
  }

  #set(key: string, ms: number): void {
    const ecosystem = key.startsWith('npm ') ? 'npm' : 'pip';
    const before = this.#known.get(key);
    const sum = this.#sums[ecosystem];
    sum.ms += ms - (before ?? 0);
    sum.count += before === undefined ? 1 : 0;
    this.#known.set(key, ms);
  }
}

function readCosts(path: string): Record<string, number> {
  return readA(recordOf(finite), path) ?? {};
}

const ECOSYSTEM = oneOf('pip', 'npm');

const RECORD: Shape<StatRecord> = object<StatRecord>({
  t: finite,
  e: ECOSYSTEM,
  ms: finite,
  ids: list(text),
  took: maybe(oneTrue),
  local: maybe(count),
  store: maybe(count),
  missed: maybe(count),
  why: maybe(oneOf('not cached', 'not closed', 'options', 'not recognised', 'busy')),
  bytes: maybe(count),
});

const FOLDED: Shape<Folded> = object<Folded>({
  total: object<Total>({
    day: text,
    ecosystem: ECOSYSTEM,
    installs: count,
    served: count,
    local: count,
    store: count,
    missed: count,
    bytes: count,
    spent: finite,
    saved: finite,
    reasons: recordOf(count),
  }),
});

function oneTrue(value: unknown): string | undefined {
  return value === true ? undefined : 'is not true';
}

function isRecord(value: unknown): value is StatRecord {
  return isA(RECORD, value);
}

function isFolded(value: unknown): value is Folded {
  return isA(FOLDED, value);
}
