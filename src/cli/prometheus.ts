import type { Total } from '../stats/totals.ts';

type Ecosystem = Total['ecosystem'];
type Sum = Omit<Total, 'day' | 'ecosystem'>;

/** What a scraper reads: Prometheus' text format, version 0.0.4. Counters are since the last reset, over the days that are kept. */
export function prometheus(totals: readonly Total[], queue: { readonly jobs: number; readonly uploads: number }): string {
  const sums = sum(totals);
  const each = (value: (total: Sum) => number, label = ''): string[] => [...sums].map(([ecosystem, total]) => sample(`ecosystem="${ecosystem}"${label}`, value(total)));
  const reasons = [...sums].flatMap(([ecosystem, total]) => Object.entries(total.reasons).map(([reason, count]) => sample(`ecosystem="${ecosystem}",reason="${reason}"`, count)));
  return [
    metric('installs_total', 'counter', 'Installs that went through the shims.', each((total) => total.installs)),
    metric('installs_served_total', 'counter', 'Installs of which nothing was left to the real tool.', each((total) => total.served)),
    metric('installs_left_total', 'counter', 'Installs that were left to the real tool, wholly or in part.', reasons),
    metric('packages_total', 'counter', 'Packages, by where they came from.', [
      ...each((total) => total.local, ',from="local"'),
      ...each((total) => total.store, ',from="store"'),
      ...each((total) => total.missed, ',from="tool"'),
    ]),
    metric('served_bytes_total', 'counter', 'Bytes of packages that were placed.', each((total) => total.bytes)),
    metric('saved_seconds_total', 'counter', 'What the real tools would have taken longer, estimated.', each((total) => total.saved / 1000)),
    metric('spooled_jobs', 'gauge', 'Jobs that wait for the background process.', [sample('', queue.jobs)]),
    metric('pending_uploads', 'gauge', 'Entries that are not in the store yet.', [sample('', queue.uploads)]),
  ].join('');
}

function sample(labels: string, value: number): string {
  return `${labels === '' ? '' : `{${labels}}`} ${value}`;
}

function metric(name: string, type: string, help: string, samples: readonly string[]): string {
  const full = `pkg_cache_${name}`;
  return [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...samples.map((each) => `${full}${each}`), ''].join('\n');
}

/** Over all days. */
export function sum(totals: readonly Total[]): Map<Ecosystem, Sum> {
  const sums = new Map<Ecosystem, Sum>();
  for (const total of totals) sums.set(total.ecosystem, plus(sums.get(total.ecosystem) ?? NOTHING, total));
  return sums;
}

const NOTHING: Sum = { installs: 0, served: 0, local: 0, store: 0, missed: 0, bytes: 0, spent: 0, saved: 0, reasons: {} };

function plus(a: Sum, b: Sum): Sum {
  const reasons = { ...a.reasons };
  for (const [reason, count] of Object.entries(b.reasons)) reasons[reason] = (reasons[reason] ?? 0) + count;
  return {
    installs: a.installs + b.installs,
    served: a.served + b.served,
    local: a.local + b.local,
    store: a.store + b.store,
    missed: a.missed + b.missed,
    bytes: a.bytes + b.bytes,
    spent: a.spent + b.spent,
    saved: a.saved + b.saved,
    reasons,
  };
}
