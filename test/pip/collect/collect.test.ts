import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { isForBackground } from '../../../src/cache/claim.ts';
import { sha256Base64Url } from '../../../src/hash.ts';
import { collect } from '../../../src/pip/collect/collect.ts';
import { parseRules, Policy } from '../../../src/policy.ts';
import type { CollectDetails } from '../../../src/pip/collect/job.ts';
import { outcomeFile } from '../../../src/pip/collect/outcome.ts';
import { tempCache, tempDir } from '../../cache/support.ts';

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A distribution as pip leaves one from a wheel. */
function distInfo(lib: string, name: string, version: string): void {
  const files = {
    [`${name}.py`]: 'x = 1\n',
    [`${name}-${version}.dist-info/WHEEL`]: 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\n',
    [`${name}-${version}.dist-info/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
  };
  for (const [path, text] of Object.entries(files)) write(join(lib, path), text);
  const rows = Object.entries(files).map(([path, text]) => `${path},sha256=${sha256Base64Url(text)},${text.length}\r\n`);
  write(join(lib, `${name}-${version}.dist-info/RECORD`), `${rows.join('')}${name}-${version}.dist-info/RECORD,,\r\n`);
}

/** What an observed pip says that ended with 0, and installed all that lies there. */
function writeOutcome(report: string, lib: string, built: object = {}): void {
  const infos = readdirSync(lib).filter((name) => name.endsWith('.dist-info'));
  const filesOf = (info: string): string[] => [`${info.split('-')[0]!}.py`, ...readdirSync(join(lib, info)).map((name) => `${info}/${name}`)];
  const state = (path: string): [string, number] => [String(lstatSync(join(lib, path), { bigint: true }).ctimeNs), lstatSync(join(lib, path)).size];
  const installed = infos.map((info) => ({ info, files: Object.fromEntries(filesOf(info).map((path) => [path, state(path)])) }));
  write(outcomeFile(report), JSON.stringify({ version: 1, installed, built }));
}

function detailsFor(root: string, names: readonly string[], more: object = {}): CollectDetails {
  const report = join(root, 'report.json');
  const install = names.map((name) => ({
    download_info: { url: `https://example.com/${name}-1.0.tar.gz`, archive_info: { hashes: { sha256: 'a'.repeat(64) } } },
    metadata: { name, version: '1.0' },
    ...more,
  }));
  write(report, JSON.stringify({ version: '1', install }));
  writeOutcome(report, join(root, 'lib'), Object.fromEntries(names.map((name) => [name, 'isolated'])));
  const scheme = { purelib: join(root, 'lib'), platlib: join(root, 'lib'), headers: join(root, 'include/@DIST@'), scripts: join(root, 'bin'), data: root };
  const rest = { platform: 'any', builtPlatform: 'built', origin: 'origin', executable: '/usr/bin/python3', cacheTag: 'cpython-38', magic: 3413, buildOptions: false, narrow: [], sources: ['https://example.com/simple'] };
  return { report, layout: { actual: scheme, recorded: scheme }, ...rest };
}

it('caches the others of a set of which setup.py installed one, as pip did before 23.1', () => {
  const root = tempDir();
  distInfo(join(root, 'lib'), 'modern', '1.0');
  write(join(root, 'lib/of_old-1.0-py3.8.egg-info/PKG-INFO'), '');
  const collected = [...collect(tempCache(), detailsFor(root, ['of-old', 'modern']), () => undefined, new Policy({ cachable: [], blocked: [] }))];
  expect(collected).toMatchObject([{ outcome: 'skipped', why: 'setup.py installed it, without a RECORD' }, expect.objectContaining({ outcome: 'created' })]);
});

it.each<[string, (report: string) => void, string]>([
  ['failed', (report) => rmSync(outcomeFile(report)), 'pip did not succeed, or could not be observed'],
  ['said what makes no sense', (report) => write(outcomeFile(report), '{"version":1,"installed":[{"info":"modern-1.0.dist-info"}]}'), 'pip did not succeed, or could not be observed'],
  ['has not installed it', (report) => write(outcomeFile(report), '{"version":1,"installed":[]}'), 'this run of pip has not installed it'],
  ['has not built it', (report) => writeOutcome(report, join(dirname(report), 'lib')), 'pip took it from its own cache of what it has built, and does not say in what environment'],
  ['built it in sight of others', (report) => writeOutcome(report, join(dirname(report), 'lib'), { Modern: 'exposed' }), 'it was built where other packages could be seen'],
  ['built it with constraints', (report) => writeOutcome(report, join(dirname(report), 'lib'), { modern: 'constrained' }), 'PIP_CONSTRAINT was set for what its build needs, too'],
])('caches nothing of a pip that %s', (_what, change, why) => {
  const root = tempDir();
  distInfo(join(root, 'lib'), 'modern', '1.0');
  const details = detailsFor(root, ['modern']);
  change(details.report);
  expect([...collect(tempCache(), details, () => undefined, new Policy({ cachable: [], blocked: [] }))]).toEqual([{ outcome: 'skipped', what: 'modern==1.0', why }]);
  expect(readdirSync(root).filter((name) => name.startsWith('report'))).toEqual([]);
});

it.each(['!modern', '!https://example.com', '!modern==1'])('caches nothing that it is not to cache: %s', (rule) => {
  const root = tempDir();
  distInfo(join(root, 'lib'), 'modern', '1.0');
  const policy = new Policy({ cachable: parseRules(rule)!, blocked: [] });
  const collected = [...collect(tempCache(), detailsFor(root, ['modern']), () => undefined, policy)];
  expect(collected).toMatchObject([{ outcome: 'skipped', what: 'modern==1.0', why: `not cachable by the rule ${rule}` }]);
});

it('takes a release that was yanked meanwhile out of service, until the index offers it again', () => {
  const root = tempDir();
  distInfo(join(root, 'lib'), 'modern', '1.0');
  const cache = tempCache();
  const install = (isYanked?: boolean): unknown => [...collect(cache, detailsFor(root, ['modern'], { is_yanked: isYanked }), () => undefined, new Policy({ cachable: [], blocked: [] }))];
  const statuses = (): string[] => [...cache.list()].map(({ status }) => status);
  expect(install(false)).toMatchObject([{ outcome: 'created' }]);
  expect(install(true)).toEqual([{ outcome: 'skipped', what: 'modern==1.0', why: 'its index has yanked it' }]);
  expect(statuses()).toEqual(['removed']);
  // An older pip does not say, and what is known stays known.
  expect(install()).toMatchObject([{ outcome: 'skipped', why: expect.stringContaining('its index has yanked it') as string }]);
  expect(install(false)).toMatchObject([{ outcome: 'created' }]);
  expect(statuses()).toEqual(['cached']);
});

it('is nothing that an install has to wait for', () => {
  const root = tempDir();
  distInfo(join(root, 'lib'), 'modern', '1.0');
  const cache = tempCache();
  const seen: boolean[] = [];
  const lookAt = (id: string): void => void seen.push(isForBackground(cache.path('claims', id)));
  expect([...collect(cache, detailsFor(root, ['modern']), lookAt, new Policy({ cachable: [], blocked: [] }))]).toMatchObject([{ outcome: 'created' }]);
  expect(seen).toEqual([true]);
});
