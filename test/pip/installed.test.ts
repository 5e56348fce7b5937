import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findInstalled, findLeftover, isReplaceable, readInstalledMetadata, readRequirements } from '../../src/pip/installed.ts';
import { tempDir } from '../cache/support.ts';

/** A site directory with these names in it; `files` of the first. */
function site(names: readonly string[], files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const dir = tempDir();
  for (const name of names) mkdirSync(join(dir, name));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, names[0]!, name), text);
  return dir;
}

it.each([
  ['Zope.Interface-5.0.dist-info', 'zope-interface', '5.0', true],
  ['my_pkg-1.0+cpu.dist-info', 'my-pkg', '1.0+cpu', true],
  ['old_pkg-1.2-py3.8.egg-info', 'old-pkg', '1.2', false],
  ['old_pkg-1.2.egg-info', 'old-pkg', '1.2', false],
  ['bare.egg-info', 'bare', '', false],
  ['bare-1-py3.8-linux-x86_64.egg', 'bare', '1', false],
  ['editable.egg-link', 'editable', '', false],
])('%s', (info, name, version, recorded) => {
  const location = site([info, 'package', '__pycache__', 'x.pth', '-1.dist-info', 'y.dist-info']);
  expect([...findInstalled([location]).values()]).toEqual([{ name, version, location, info, recorded }]);
});

it('the first of a name wins, and directories that are not there do not matter', () => {
  const [first, second] = [site(['a-1.dist-info']), site(['a-2.dist-info', 'b-1.dist-info'])];
  const found = findInstalled(['/nowhere', first, second]);
  expect([...found.values()].map(({ name, version }) => `${name}==${version}`)).toEqual(['a==1', 'b==1']);
});

it('metadata is read where there is some', () => {
  const location = site(['a-1.dist-info', 'b-1.dist-info', 'c-1.egg-info'], { METADATA: 'Name: a\nVersion: 1\nRequires-Dist: b\n' });
  const found = findInstalled([location]);
  expect(readInstalledMetadata(found.get('a')!)?.requiresDist).toEqual(['b']);
  for (const name of ['b', 'c']) expect(readInstalledMetadata(found.get(name)!)).toBeUndefined();
});

it.each([
  ['with RECORD and METADATA', 'a-1.dist-info', { RECORD: '', METADATA: '' }, true],
  ['with names in RECORD that are not UTF-8', 'a-1.dist-info', { RECORD: Buffer.from('a/\xe9.txt,,\n', 'latin1'), METADATA: '' }, false],
  ['without RECORD', 'a-1.dist-info', { METADATA: '' }, false],
  ['without METADATA', 'a-1.dist-info', { RECORD: '' }, false],
  ['from a URL', 'a-1.dist-info', { RECORD: '', METADATA: '', 'direct_url.json': '{}' }, false],
  ['of old', 'a-1.egg-info', { RECORD: '' }, false],
] as [string, string, Record<string, string | Uint8Array>, boolean][])('one %s can be replaced: %s', (_what, info, files, replaceable) => {
  expect(isReplaceable(findInstalled([site([info], files)]).get('a')!)).toBe(replaceable);
});

it.each([
  ['one of each', ['a-1.dist-info', 'b-1.egg-info', 'c.egg-link'], undefined],
  ['no METADATA', ['b-1.dist-info'], 'b-1.dist-info'],
  ['no METADATA, and no version', ['b.dist-info'], 'b.dist-info'],
  ['one project twice', ['Zope_X-2.egg-info', 'zope.x-1.egg-info', 'c-1.egg-info', 'c.egg-link'], undefined],
])('a broken install shows by its left-overs: %s', (_what, names, leftover) => {
  const location = site(['a-1.dist-info'], { METADATA: 'Name: a\n' });
  for (const name of names) mkdirSync(join(location, name), { recursive: true });
  const found = findLeftover(['/nowhere', location]);
  expect(found).toBe(leftover === undefined ? undefined : join(location, leftover));
});

it('keeps all that there is of one project in one place, and the dependencies of all', () => {
  const location = site(['a-1.dist-info', 'a-1.egg-info'], { METADATA: 'Name: a\nVersion: 1\nRequires-Dist: b\n' });
  writeFileSync(join(location, 'a-1.egg-info/requires.txt'), 'c\n[extra]\nd\n');
  const a = findInstalled([location, site(['a-2.dist-info'])]).get('a')!;
  expect(a.others?.map(({ info }) => info)).toEqual(['a-1.egg-info']);
  expect(readRequirements(a)).toEqual(['b', 'c']);
});

it('what is in two places is no left-over: the first counts', () => {
  const files = { METADATA: 'Name: a\n' };
  expect(findLeftover([site(['a-1.dist-info'], files), site(['a-2.dist-info'], files)])).toBeUndefined();
});
