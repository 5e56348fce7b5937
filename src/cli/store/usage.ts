import { LAYOUT } from '../../cache/entry.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import { objects } from '../../fleet/small.ts';
import type { Store } from '../../store/store.ts';
import { inventory, readPointers, type Item, type Wanted } from './inventory.ts';

/** A row of `du`. */
export interface Usage {
  readonly what: string;
  readonly platform: string;
  /** Entries; other objects where there are none. */
  readonly count: number;
  /** What they take. An archive that several share counts for the first. */
  readonly bytes: number;
}

/** How much of a store is taken by what; rows of packages, then of other objects if all is asked for. Throws STORE_*. */
export async function usage({ store, cache, pointers }: Pick<Fleet, 'store' | 'cache' | 'pointers'>, wanted: Wanted, tell: (count: number) => void): Promise<Usage[]> {
  const items: Item[] = [];
  for await (const item of inventory(store, cache, wanted)) items.push(item);
  const rows = new Map<string, Usage>();
  const add = (what: string, platform: string, bytes: number, count = 1): void => {
    const row = rows.get(`${what} ${platform}`) ?? { what, platform, count: 0, bytes: 0 };
    rows.set(`${what} ${platform}`, { ...row, count: row.count + count, bytes: row.bytes + bytes });
  };
  const seen = new Set<string>();
  let read = 0;
  await readPointers({ store, pointers }, items, (found) => {
    tell(++read);
    const { ecosystem, platform, isOriginal, object } = found.item;
    const own = isOriginal ? 0 : object.size;
    const archive = 'archive' in found && !seen.has(found.archive.sha256) ? found.archive.size : 0;
    if ('archive' in found && !isOriginal) seen.add(found.archive.sha256);
    add(ecosystem, platform, own + archive);
  });
  const packages = [...rows.values()].sort((a, b) => (`${a.what}${a.platform}` < `${b.what}${b.platform}` ? -1 : 1));
  const isAll = wanted.names.length === 0 && wanted.ecosystem === undefined && wanted.platform === undefined;
  return isAll ? [...packages, ...(await others(store, seen))] : packages;
}

async function others(store: Store, used: ReadonlySet<string>): Promise<Usage[]> {
  const rows: Usage[] = [];
  for (const [what, prefix] of [['snapshots', 'snapshots'], ['journal', 'journal'], ['claims and probes', 'tending'], ['claims and probes', 'doctor']] as const) {
    rows.push(await sum(what, objects(store, `v${LAYOUT}/${prefix}/`)));
  }
  const archives = await sum('archives without a pointer', objects(store, `v${LAYOUT}/archives/`), (key) => !used.has(/([0-9a-f]{64})\.tar$/.exec(key)?.[1] ?? ''));
  return [...merged(rows), archives].filter(({ count }) => count > 0);
}

async function sum(what: string, found: AsyncIterable<{ key: string; size: number }>, counts: (key: string) => boolean = () => true): Promise<Usage> {
  let [count, bytes] = [0, 0];
  for await (const { key, size } of found) {
    if (!counts(key)) continue;
    count++;
    bytes += size;
  }
  return { what, platform: '', count, bytes };
}

function merged(rows: readonly Usage[]): Usage[] {
  const by = new Map<string, Usage>();
  for (const row of rows) {
    const before = by.get(row.what);
    by.set(row.what, before ? { ...row, count: before.count + row.count, bytes: before.bytes + row.bytes } : row);
  }
  return [...by.values()];
}
