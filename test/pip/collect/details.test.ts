import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { spooledDetails } from '../../../src/pip/collect/details.ts';
import type { CollectDetails } from '../../../src/pip/collect/job.ts';
import { tempDir } from '../../cache/support.ts';

const SCHEME = { purelib: '/lib', platlib: '/lib', headers: '/include/@DIST@', scripts: '/bin', data: '/' };

/** A cache's directory of reports, and details of one in there. */
function given(): { root: string; reports: string; details: CollectDetails } {
  const root = tempDir();
  const reports = join(root, 'cache/spool/reports');
  mkdirSync(reports, { recursive: true });
  const rest = { platform: 'any', builtPlatform: 'built', origin: 'pypi', executable: '/usr/bin/python3', cacheTag: 'cpython-38', magic: 3413, buildOptions: false, narrow: [], sources: [] };
  return { root, reports, details: { report: join(reports, '0123456789abcdef.json'), layout: { actual: SCHEME, recorded: SCHEME }, ...rest } };
}

it('are those of a report in the cache, also of one that was found by a link', () => {
  const { root, reports, details } = given();
  expect(spooledDetails(reports)(details)).toBeUndefined();
  symlinkSync(join(root, 'cache'), join(root, 'link'));
  expect(spooledDetails(reports)({ ...details, report: join(root, 'link/spool/reports/0123.json') })).toBeUndefined();
});

it.each<[string, (given: { root: string; reports: string }) => unknown]>([
  ['elsewhere', ({ root }) => join(root, 'pyproject.json')],
  ['above', ({ reports }) => join(reports, '../0123.json')],
  ['above, by a detour', ({ reports }) => `${reports}/../0123.json`],
  ['called otherwise', ({ reports }) => join(reports, 'important.txt')],
  ['relative', () => '0123.json'],
  ['nowhere', () => '/nowhere/at/all/0123.json'],
  ['a number', () => 7],
])('are none of a report that is %s, which is removed when it has been read', (_what, report) => {
  const world = given();
  expect(spooledDetails(world.reports)({ ...world.details, report: report(world) })).toMatch(/^\.report /);
});

it.each([null, 7, [], {}, { layout: null }, { layout: { actual: SCHEME, recorded: 7 } }, { sources: [null] }, { magic: '1' }])('are none with %j', (change) => {
  const { reports, details } = given();
  expect(spooledDetails(reports)(change !== null && typeof change === 'object' && !Array.isArray(change) && Object.keys(change).length > 0 ? { ...details, ...change } : change)).toBeDefined();
});
