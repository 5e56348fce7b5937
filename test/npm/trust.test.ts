import { describe, expect, it } from 'vitest';
import type { TreeMeta } from '../../src/npm/entry.ts';
import { parseLock } from '../../src/npm/lockfile.ts';
import { whyNotTrusted } from '../../src/npm/trust.ts';
import { directory, facts, requestOf, world } from './recognise/support.ts';

const PACKAGES = {
  'node_modules/a': { version: '1.0.0', resolved: 'https://registry/a.tgz', integrity: 'sha512-a', bin: { a: './cli.js' } },
  'node_modules/@s/b': { version: '1.0.0', integrity: 'sha512-b', bin: { b: 'bin/b.js' } },
  'node_modules/a/node_modules/c': { version: '1.0.0', integrity: 'sha512-c', bin: { c: 'c.js' } },
  'node_modules/one': { resolved: 'packages/one', link: true },
  'packages/one': { version: '1.0.0', bin: { one: 'cli.js' } },
};

const TREE: TreeMeta = {
  packages: [['node_modules/@s/b', 'sha512-b'], ['node_modules/a', 'sha512-a'], ['node_modules/a/node_modules/c', 'sha512-c']],
  links: [['node_modules/one', '../packages/one']],
  bins: [['node_modules/.bin/a', '../a/cli.js'], ['node_modules/.bin/b', '../@s/b/bin/b.js'], ['node_modules/.bin/one', '../one/cli.js'], ['node_modules/a/node_modules/.bin/c', '../c/c.js']],
  built: [],
  unsupported: [],
  unreviewed: [],
};

describe('a tree that somebody has made', () => {
  const judge = (tree: Partial<TreeMeta>): string | undefined => {
    const lock = parseLock(JSON.stringify({ lockfileVersion: 3, packages: PACKAGES }));
    return whyNotTrusted({ ...TREE, ...tree }, lock, { lock, manifest: '{}' }, requestOf('ci', world(directory({ 'package.json': '{}' }))));
  };

  it('is trusted if it is what npm makes of the lockfile', () => {
    expect(judge({})).toBeUndefined();
  });

  it.each<[string, Partial<TreeMeta>]>([
    ['a link to somewhere else', { links: [['node_modules/one', '/etc']] }],
    ['a link above the project', { links: [['node_modules/one', '../../elsewhere']] }],
    ['a link in the place of a package', { links: [['node_modules/a', '../packages/one']] }],
    ['a link where nothing is', { links: [...TREE.links, ['node_modules/d', '../packages/one']] }],
    ['a package where nothing is', { packages: [...TREE.packages, ['node_modules/../../d', 'sha512-a']] }],
    ['another package', { packages: [['node_modules/a', 'sha512-other'], ...TREE.packages.slice(1)] }],
    ['a package missing', { packages: TREE.packages.slice(1) }],
    ['a package beside another one', { packages: [['node_modules/a', 'sha512-other'], ...TREE.packages] }],
    ['a link missing', { links: [] }],
    ['a bin twice', { bins: [...TREE.bins, ...TREE.bins] }],
    ['a bin that leads out', { bins: [['node_modules/.bin/a', '../../../../bin/sh']] }],
    ['a bin that leads to another package', { bins: [['node_modules/.bin/a', '../@s/b/bin/b.js']] }],
    ['a bin of a name that nobody has', { bins: [['node_modules/.bin/ls', '../a/cli.js']] }],
    ['a directory that nothing was left out of', { empty: ['node_modules/@s'] }],
    ['a directory outside', { empty: ['..'] }],
    ['a bin outside', { bins: [['../node_modules/.bin/a', '../a/cli.js']] }],
  ])('is not with %s', (_, tree) => {
    expect(judge(tree)).toBeTypeOf('string');
  });

  it('is not with a hidden lockfile that is too deep to be compared', () => {
    const deep = JSON.stringify({ lockfileVersion: 3, packages: { ...PACKAGES, 'node_modules/a': 'DEEP' } }).replace('"DEEP"', `{"engines":${'['.repeat(50_000)}${']'.repeat(50_000)}}`);
    const lock = parseLock(JSON.stringify({ lockfileVersion: 3, packages: PACKAGES }));
    expect(whyNotTrusted(TREE, parseLock(deep), { lock, manifest: '{}' }, requestOf('ci', world(directory({ 'package.json': '{}' }))))).toBeTypeOf('string');
  });

  it('is not with odd directories', () => {
    for (const odd of [null, 'text', [null], [['one']], [{}]]) expect(judge({ empty: odd as never })).toBe('it is no tree');
  });

  it.each(['packages', 'links', 'bins', 'built', 'unsupported', 'unreviewed'])('is not with odd %s', (part) => {
    for (const odd of [undefined, null, 'text', [null], [['one']], [[1, 2]], [{}]]) expect(judge({ [part]: odd })).toBe('it is no tree');
  });

  it('may have empty directories that packages were left out of', () => {
    const optional = { ...PACKAGES, 'node_modules/@t/d': { version: '1.0.0', integrity: 'sha512-d', optional: true, os: ['none'] } };
    const [lock, hidden] = [optional, PACKAGES].map((packages) => parseLock(JSON.stringify({ lockfileVersion: 3, packages })));
    const request = requestOf('ci', world(directory({ 'package.json': '{}' })));
    expect(whyNotTrusted({ ...TREE, empty: ['node_modules/@t'] }, hidden!, { lock: lock!, manifest: '{}' }, request)).toBeUndefined();
    for (const empty of [['node_modules/@s'], ['node_modules/@t/d'], [''], ['node_modules/@t/..']]) expect(whyNotTrusted({ ...TREE, empty }, hidden!, { lock: lock!, manifest: '{}' }, request)).toBe(empty[0]);
  });

  it('needs what the project bundles, but not what comes in the tarball of another package', () => {
    const bundled = { ...PACKAGES, 'node_modules/@s/b': { ...PACKAGES['node_modules/@s/b'], inBundle: true }, 'node_modules/@s/b/node_modules/d': { version: '1.0.0', integrity: 'sha512-d', inBundle: true }, 'node_modules/a/node_modules/c': { ...PACKAGES['node_modules/a/node_modules/c'], inBundle: true } };
    const lock = parseLock(JSON.stringify({ lockfileVersion: 3, packages: bundled }));
    const request = requestOf('ci', world(directory({ 'package.json': '{}' })));
    const own: TreeMeta['packages'] = [['node_modules/@s/b', 'sha512-b'], ['node_modules/a', 'sha512-a'], ['node_modules/@s/b/node_modules/d', 'sha512-d']];
    expect(whyNotTrusted({ ...TREE, packages: own }, lock, { lock, manifest: '{}' }, request)).toBeUndefined();
    for (const packages of [own.slice(1), own.slice(0, 2), TREE.packages]) expect(whyNotTrusted({ ...TREE, packages }, lock, { lock, manifest: '{}' }, request)).toBeTypeOf('string');
    // Not installed either, as a forger might have it.
    const without = parseLock(JSON.stringify({ lockfileVersion: 3, packages: { ...bundled, 'node_modules/@s/b': undefined, 'node_modules/@s/b/node_modules/d': undefined } }));
    expect(whyNotTrusted({ ...TREE, packages: own.slice(1, 2), bins: [] }, without, { lock, manifest: '{}' }, request)).toBe('node_modules/@s/b is missing');
  });
});

describe('packages that a tree says were built', () => {
  const scripted = { ...PACKAGES, 'node_modules/a': { ...PACKAGES['node_modules/a'], resolved: 'https://registry/a/-/a-1.0.0.tgz', hasInstallScript: true } };
  const judge = (built: string[], line = 'ci', { npm = '11.19.1', allowScripts, packages = scripted }: { npm?: string; allowScripts?: unknown; packages?: object } = {}): string | undefined => {
    const lock = parseLock(JSON.stringify({ lockfileVersion: 3, packages }));
    const request = requestOf(line, world(directory({ 'package.json': '{}' })), facts(npm));
    return whyNotTrusted({ ...TREE, built }, lock, { lock, manifest: JSON.stringify({ allowScripts }) }, request);
  };
  const REFUSED = 'node_modules/a has no install scripts to be run';

  it('may be those whose install scripts npm runs', () => {
    expect(judge(['node_modules/a'])).toBeUndefined();
  });

  it.each(['node_modules/@s/b', 'node_modules/a/node_modules/c', 'node_modules/one', 'packages/one', 'node_modules/none', '..'])('may not be %s, which has none', (location) => {
    expect(judge(['node_modules/a', location])).toBe(`${location} has no install scripts to be run`);
  });

  it('may be none where scripts are ignored', () => {
    expect(judge(['node_modules/a'], 'ci --ignore-scripts')).toBe(REFUSED);
    expect(judge([], 'ci --ignore-scripts')).toBeUndefined();
  });

  it.each<[string, string, unknown, boolean]>([
    ['10.9.2', 'ci', { a: false }, true],
    ['11.15.0', 'ci', { a: false }, true],
    ['11.19.1', 'ci', { a: false }, false],
    ['11.19.1', 'ci', { 'a@1.0.0': false }, false],
    ['11.19.1', 'ci', { 'a@1.0.1': false }, true],
    ['12.2.0', 'ci', {}, false],
    ['12.2.0', 'ci', null, false],
    ['12.2.0', 'ci', { a: true }, true],
    ['12.2.0', 'ci', { 'a@*': true }, true],
    ['12.2.0', 'ci', { 'a@0.9.0 || 1.0.0': true }, true],
    ['12.2.0', 'ci', { 'a@^1.0.0': true }, false],
    ['12.2.0', 'ci', { a: true, 'a@1.0.0': false }, false],
    ['12.2.0', 'ci', { b: true }, false],
    ['12.2.0', 'ci', { a: 'true' }, false],
    ['12.2.0', 'ci --dangerously-allow-all-scripts', {}, true],
  ])('are by the policy of npm %s: %s with %j', (npm, line, allowScripts, may) => {
    expect(judge(['node_modules/a'], line, { npm, allowScripts })).toBe(may ? undefined : REFUSED);
  });

  it('are told by the name in the URL, not by that in the lockfile; without a URL a version is not known', () => {
    const at = (more: object): object => ({ ...scripted, 'node_modules/a': { ...scripted['node_modules/a'], ...more } });
    const npm = '12.2.0';
    expect(judge(['node_modules/a'], 'ci', { npm, allowScripts: { a: true }, packages: at({ resolved: 'https://registry/evil/-/evil-1.0.0.tgz' }) })).toBe(REFUSED);
    expect(judge(['node_modules/a'], 'ci', { npm, allowScripts: { a: true }, packages: at({ resolved: undefined }) })).toBeUndefined();
    expect(judge(['node_modules/a'], 'ci', { npm, allowScripts: { 'a@1.0.0': true }, packages: at({ resolved: undefined }) })).toBe(REFUSED);
  });
});

describe('an absent package', () => {
  const HERE = { version: '1.0.0', integrity: 'sha512-e' };
  /** What is missing, where the lockfile has `more`, and the hidden one has not. */
  const judge = (more: Record<string, object>, line = 'ci', root: object = {}): string | undefined => {
    const packages = { '': root, ...PACKAGES, ...more };
    const lock = parseLock(JSON.stringify({ lockfileVersion: 3, packages }));
    const hidden = parseLock(JSON.stringify({ lockfileVersion: 3, packages: PACKAGES }));
    return whyNotTrusted(TREE, hidden, { lock, manifest: '{}' }, requestOf(line, world(directory({ 'package.json': '{}' })), { ...facts('11.19.1'), nodeVersion: 'v20.17.0' }));
  };
  const e = (more: object): Record<string, object> => ({ 'node_modules/e': { ...HERE, ...more } });
  const MISSING = 'node_modules/e is missing';

  it.each<[string, object, string]>([
    ['is needed', {}, 'ci'],
    ['is optional and fits', { optional: true }, 'ci'],
    ['is optional and fits in every way', { optional: true, os: [process.platform], cpu: [process.arch], engines: { node: '>=20' } }, 'ci'],
    ['is optional or for development, and only one of both is omitted', { devOptional: true }, 'ci --omit=dev'],
    ['is optional and for another system that npm is told to install for', { optional: true, os: ['darwin'] }, 'ci --os=darwin'],
  ])('that %s is missed', (_, more, line) => {
    expect(judge(e(more), line)).toBe(MISSING);
  });

  it.each<[string, object, string]>([
    ['is omitted', { optional: true }, 'ci --omit=optional'],
    ['is for development and omitted', { dev: true }, 'ci --omit=dev'],
    ['is one or the other and both are omitted', { devOptional: true }, 'ci --omit=dev --omit=optional'],
    ['is for another system', { optional: true, os: ['none'] }, 'ci'],
    ['is not for this system', { optional: true, os: [`!${process.platform}`] }, 'ci'],
    ['is for another processor', { optional: true, cpu: ['none'] }, 'ci'],
    ['is for another libc', { optional: true, libc: ['none'] }, 'ci'],
    ['is for another Node', { optional: true, engines: { node: '>=21' } }, 'ci'],
    ['is for another system than that which npm is told to install for', { optional: true, os: [process.platform] }, 'ci --os=none'],
  ])('that %s is not', (_, more, line) => {
    expect(judge(e(more), line)).toBeUndefined();
  });

  it('that only one needs which does not fit goes with it, and what cannot do without that one, too', () => {
    const root = { optionalDependencies: { d: '1' } };
    const d = { ...HERE, optional: true, dependencies: { e: '1' } };
    const unfit = { os: ['none'] };
    expect(judge({ 'node_modules/d': { ...d, ...unfit }, ...e({ optional: true }) }, 'ci', root)).toBeUndefined();
    expect(judge({ 'node_modules/d': d, ...e({ optional: true, ...unfit }) }, 'ci', root)).toBeUndefined();
    expect(judge({ 'node_modules/d': { ...d, ...unfit }, ...e({ optional: true }) }, 'ci', { ...root, dependencies: { e: '1' } })).toBe(MISSING);
  });

  it('that wants one which does not fit, and can do without, is missed', () => {
    const d = { ...HERE, optional: true, os: ['none'] };
    expect(judge({ 'node_modules/d': d, ...e({ optional: true, optionalDependencies: { d: '1' } }) }, 'ci', { optionalDependencies: { e: '1' } })).toBe(MISSING);
  });
});
