import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DayFiles } from '../../src/cache/day-files.ts';
import { tempDir } from './support.ts';

const DAY = 86_400_000;
const NOON = Date.parse('2026-01-31T12:00:00Z');

it('keeps records by day, and only as many days as asked for', () => {
  const files = new DayFiles(join(tempDir(), 'log'));
  expect(files.days()).toEqual([]);
  for (const ago of [0, 1, 2, 3]) files.append({ ago }, NOON - ago * DAY);
  files.append({ again: true }, NOON);
  expect(files.days()).toEqual(['2026-01-28', '2026-01-29', '2026-01-30', '2026-01-31']);
  expect(files.read('2026-01-31')).toEqual([{ ago: 0 }, { again: true }]);
  files.sweep(2, NOON);
  expect(files.days()).toEqual(['2026-01-29', '2026-01-30', '2026-01-31']);
  files.sweep(0, NOON);
  expect(files.days()).toEqual(['2026-01-31']);
});

it('skips what a killed process left half', () => {
  const files = new DayFiles(tempDir());
  files.append({ a: 1 }, NOON);
  appendFileSync(files.path('2026-01-31'), '{"b":\n');
  files.append({ c: 1 }, NOON);
  expect(files.read('2026-01-31')).toEqual([{ a: 1 }, { c: 1 }]);
  expect(files.read('2026-02-01')).toEqual([]);
});
