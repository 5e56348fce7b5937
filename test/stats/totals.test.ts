import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import type { LocalCache } from '../../src/cache/local.ts';
import { noteInstall, noteRealInstall, statFiles, type InstallEvent } from '../../src/stats/record.ts';
import { foldStatistics, resetStatistics, totals } from '../../src/stats/totals.ts';
import { tempCache } from '../cache/support.ts';

const IDS = ['a'.repeat(64), 'b'.repeat(64)];
const HIT: InstallEvent = { ecosystem: 'pip', local: 2, store: 0, missed: 0, bytes: 100, ids: IDS };

/** Makes the records of today those of yesterday. */
function letADayPass(cache: LocalCache): string {
  const files = statFiles(cache);
  const [today = ''] = files.days().slice(-1);
  const yesterday = new Date(Date.parse(today) - 86_400_000).toISOString().slice(0, 10);
  writeFileSync(files.path(yesterday), readFileSync(files.path(today)));
  writeFileSync(files.path(today), '');
  return yesterday;
}

it('adds up installs, and what they saved', () => {
  const cache = tempCache();
  noteRealInstall(cache, 'pip', IDS, 4000);
  noteInstall(cache, { ...HIT, local: 0, bytes: 0, ids: [], missed: 2, why: 'not cached' }, 10);
  noteInstall(cache, HIT, 500);
  noteInstall(cache, { ...HIT, local: 1, store: 1 }, 500);
  noteInstall(cache, { ...HIT, ecosystem: 'npm', ids: ['c'.repeat(64)] }, 100);
  expect(totals(cache)).toMatchObject([
    { ecosystem: 'pip', installs: 3, served: 2, local: 3, store: 1, missed: 2, bytes: 200, spent: 1000, saved: 7000, reasons: { 'not cached': 1 } },
    { ecosystem: 'npm', installs: 1, served: 1, saved: 0 },
  ]);
});

it('takes the average for what it has not seen installed', () => {
  const cache = tempCache();
  noteRealInstall(cache, 'pip', IDS, 4000);
  noteInstall(cache, { ...HIT, ids: ['d'.repeat(64)] }, 500);
  expect(totals(cache)).toMatchObject([{ saved: 1500 }]);
});

it('keeps days that are over as sums, and what real installs took', () => {
  const cache = tempCache();
  noteRealInstall(cache, 'pip', IDS, 4000);
  noteInstall(cache, HIT, 500);
  const day = letADayPass(cache);
  const before = totals(cache);
  foldStatistics(cache, 400);
  expect(readFileSync(statFiles(cache).path(day), 'utf8').trim().split('\n')).toHaveLength(1);
  expect(totals(cache)).toEqual(before);
  foldStatistics(cache, 400);
  expect(totals(cache)).toEqual(before);
  noteInstall(cache, HIT, 500);
  expect(totals(cache)).toMatchObject([{ day, saved: 3500 }, { saved: 3500 }]);
  foldStatistics(cache, 0);
  expect(totals(cache)).toMatchObject([{ installs: 1 }]);
});

it('begins afresh, but for what real installs took', () => {
  const cache = tempCache();
  resetStatistics(cache);
  noteRealInstall(cache, 'pip', IDS, 4000);
  noteInstall(cache, HIT, 500);
  resetStatistics(cache);
  expect(totals(cache)).toEqual([]);
  noteInstall(cache, HIT, 500);
  expect(totals(cache)).toMatchObject([{ installs: 1, saved: 3500 }]);
});

it('copes with files that say nothing', () => {
  const cache = tempCache();
  const { path } = { path: statFiles(cache).path('2026-01-31') };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'null\n7\n{"total":7}\n{"t":1,"e":"gem","ms":1,"ids":[]}\n{"t":1\n');
  writeFileSync(cache.path('state', 'costs.json'), '[');
  expect(totals(cache)).toEqual([]);
});

it.each([
  '{"total":{"day":"2026-01-31","installs":1}}',
  '{"total":{"day":"2026-01-31","ecosystem":"gem","installs":1,"served":1,"local":1,"store":0,"missed":0,"bytes":1,"spent":1,"saved":1,"reasons":{}}}',
  '{"t":1,"e":"pip","ms":1,"ids":[],"missed":"7"}',
  '{"t":1,"e":"pip","ms":1,"ids":[],"why":"\\u001b[31m"}',
  '{"t":1,"e":"pip","ms":1,"ids":[7],"local":-1}',
])('a line that says what cannot be is left out: %s', (line) => {
  const cache = tempCache();
  const path = statFiles(cache).path('2026-01-31');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${line}\n`);
  expect(totals(cache)).toEqual([]);
});

it('costs that are no numbers count as unknown', () => {
  const cache = tempCache();
  noteInstall(cache, HIT, 500);
  writeFileSync(cache.path('state', 'costs.json'), '{"pip x":1000,"pip y":-1e400,"pip z":"1"}');
  expect(totals(cache)).toMatchObject([{ installs: 1, saved: 0 }]);
});

it('no install fails for its statistics', () => {
  const cache = tempCache();
  mkdirSync(cache.path('state'), { recursive: true });
  writeFileSync(cache.path('state', 'stats'), 'a file');
  noteInstall(cache, HIT, 1);
  expect(totals(cache)).toEqual([]);
});
