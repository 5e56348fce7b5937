import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { outcomeFile, readOutcome } from '../../../src/pip/collect/outcome.ts';
import { parseReport, readReport } from '../../../src/pip/collect/report.ts';
import { tempDir } from '../../cache/support.ts';

const HASH = 'a'.repeat(64);
const item = (change: object = {}, download: object = {}): object => ({
  download_info: { url: 'https://files.example/a/ash-1.0-py3-none-any.whl', archive_info: { hash: `sha256=${HASH}`, hashes: { sha256: HASH } }, ...download },
  is_direct: false,
  is_yanked: false,
  requested: true,
  metadata: { metadata_version: '2.1', name: 'Ash', version: '1.0' },
  ...change,
});
const report = (...install: object[]): string => JSON.stringify({ version: '1', pip_version: '24.0', install, environment: {} });
const WHEEL = { name: 'Ash', version: '1.0', archive: { filename: 'ash-1.0-py3-none-any.whl', sha256: HASH }, isWheel: true, isRequested: true, isYanked: false };

it.each([
  ['a wheel', item(), [WHEEL]],
  ['an sdist', item({}, { url: 'https://files.example/ash-1.0.tar.gz#sha256=x' }), [{ ...WHEEL, archive: { filename: 'ash-1.0.tar.gz', sha256: HASH }, isWheel: false }]],
  ['an escaped name', item({}, { url: 'http://h:1/ash-1.0%2Bcpu-py3-none-any.whl?x=/y' }), [{ ...WHEEL, archive: { filename: 'ash-1.0+cpu-py3-none-any.whl', sha256: HASH } }]],
  ['the hash of an older pip', item({}, { archive_info: { hash: `sha256=${HASH}` } }), [WHEEL]],
  ['a URL of its own', item({ is_direct: true }), []],
  ['a yanked release', item({ is_yanked: true }), []],
  ['a checkout', item({}, { url: 'https://h/x.git', vcs_info: { vcs: 'git' }, archive_info: undefined }), []],
  ['a directory', item({}, { url: 'file:///x', dir_info: {}, archive_info: undefined }), []],
  ['a file', item({}, { url: 'file:///wheels/ash-1.0-py3-none-any.whl' }), []],
  ['a credential', item({}, { url: 'https://user:secret@h/ash-1.0-py3-none-any.whl' }), []],
  ['a user', item({}, { url: 'https://user@h/ash-1.0-py3-none-any.whl' }), []],
  ['another hash', item({}, { archive_info: { hash: `md5=${HASH}`, hashes: { md5: HASH } } }), []],
  ['no hash', item({}, { archive_info: {} }), []],
  ['no name', item({ metadata: { version: '1' } }), []],
  ['no URL', item({}, { url: 'nonsense' }), []],
  ['nothing at all', {}, []],
])('of %s', (_what, install, cachable) => {
  expect(parseReport(report(install))).toMatchObject({ cachable, every: [expect.anything()] });
});

it('names all that was to be installed, also what is not to be cached', () => {
  expect(parseReport(report(item(), item({ is_direct: true, metadata: { name: 'b', version: '2', requires_dist: ['Ash'] } })))?.every).toEqual([
    { name: 'Ash', version: '1.0', requiresDist: [] },
    { name: 'b', version: '2', requiresDist: ['Ash'] },
  ]);
});

it('tells what the index has withdrawn, and does not know it of an older pip', () => {
  const parsed = parseReport(report(item({ is_yanked: true }), item({ is_yanked: undefined, metadata: { name: 'b', version: '2' } })));
  expect(parsed).toMatchObject({ yanked: [{ name: 'Ash', isYanked: true }], cachable: [{ name: 'b', isYanked: undefined }] });
});

it.each(['', '{', 'null', '{}', '{"version":"2","install":[]}', '{"version":"1"}', '{"version":"1","install":7}'])('%j is none', (text) => {
  const path = join(tempDir(), 'report.json');
  writeFileSync(path, text);
  expect(readReport(path)).toBeUndefined();
});

it.each<[string, object | null]>([
  ['null', null],
  ['a number for a name', item({ metadata: { name: 7, version: '1.0' } })],
  ['a name that steers a terminal', item({ metadata: { name: 'ash\u001b[2J', version: '1.0' } })],
  ['a version that is a list', item({ metadata: { name: 'ash', version: ['1'] } })],
  ['requirements that are none', item({ metadata: { name: 'ash', version: '1', requires_dist: [null] } })],
  ['hashes that are none', item({}, { archive_info: { hashes: { sha256: {} } } })],
  ['a URL that is none', item({}, { url: {} })],
])('one with %s is none', (_what, install) => {
  expect(parseReport(report(install as object))).toBeUndefined();
});

it.each(['null', '[]', '{"version":1,"built":{"ash":"somewhere"}}', '{"version":1,"built":"x"}', '{"version":1,"installed":[{"info":7,"files":{}}]}', '{"version":1,"installed":[{"info":"x","files":{"a":["1","2"]}}]}'])('%s is no outcome', (text) => {
  const path = join(tempDir(), 'report.json');
  writeFileSync(outcomeFile(path), text);
  expect(readOutcome(path)).toBeUndefined();
});

it('one that was never written is none', () => {
  expect(readReport(join(tempDir(), 'none.json'))).toBeUndefined();
  expect(readReport(undefined)).toBeUndefined();
});
