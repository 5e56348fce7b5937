import { describe, expect, it } from 'vitest';
import type { TreeMeta } from '../../src/npm/entry.ts';
import { parseLock } from '../../src/npm/lockfile.ts';
import { whyNotTrusted } from '../../src/npm/trust.ts';
import { directory, requestOf, world } from './recognise/support.ts';

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
    return whyNotTrusted({ ...TREE, ...tree }, lock, lock, requestOf('ci', world(directory({ 'package.json': '{}' }))));
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
    ['a bin that leads out', { bins: [['node_modules/.bin/a', '../../../../bin/sh']] }],
    ['a bin that leads to another package', { bins: [['node_modules/.bin/a', '../@s/b/bin/b.js']] }],
    ['a bin of a name that nobody has', { bins: [['node_modules/.bin/ls', '../a/cli.js']] }],
    ['a directory that nothing was left out of', { empty: ['node_modules/@s'] }],
    ['a directory outside', { empty: ['..'] }],
    ['a bin outside', { bins: [['../node_modules/.bin/a', '../a/cli.js']] }],
  ])('is not with %s', (_, tree) => {
    expect(judge(tree)).toBeTypeOf('string');
  });

  it('is not with odd directories', () => {
    for (const odd of [null, 'text', [null], [['one']], [{}]]) expect(judge({ empty: odd as never })).toBe('it is no tree');
  });

  it.each(['packages', 'links', 'bins', 'built', 'unsupported', 'unreviewed'])('is not with odd %s', (part) => {
    for (const odd of [undefined, null, 'text', [null], [['one']], [[1, 2]], [{}]]) expect(judge({ [part]: odd })).toBe('it is no tree');
  });

  it('may have empty directories that packages were left out of', () => {
    const optional = { ...PACKAGES, 'node_modules/@t/d': { version: '1.0.0', integrity: 'sha512-d', optional: true } };
    const [lock, hidden] = [optional, PACKAGES].map((packages) => parseLock(JSON.stringify({ lockfileVersion: 3, packages })));
    const request = requestOf('ci', world(directory({ 'package.json': '{}' })));
    expect(whyNotTrusted({ ...TREE, empty: ['node_modules/@t'] }, hidden!, lock!, request)).toBeUndefined();
    for (const empty of [['node_modules/@s'], ['node_modules/@t/d'], [''], ['node_modules/@t/..']]) expect(whyNotTrusted({ ...TREE, empty }, hidden!, lock!, request)).toBe(empty[0]);
  });

  it('needs what the project bundles, but not what comes in the tarball of another package', () => {
    const bundled = { ...PACKAGES, 'node_modules/@s/b': { ...PACKAGES['node_modules/@s/b'], inBundle: true }, 'node_modules/@s/b/node_modules/d': { version: '1.0.0', integrity: 'sha512-d', inBundle: true }, 'node_modules/a/node_modules/c': { ...PACKAGES['node_modules/a/node_modules/c'], inBundle: true } };
    const lock = parseLock(JSON.stringify({ lockfileVersion: 3, packages: bundled }));
    const request = requestOf('ci', world(directory({ 'package.json': '{}' })));
    const own: TreeMeta['packages'] = [['node_modules/@s/b', 'sha512-b'], ['node_modules/a', 'sha512-a'], ['node_modules/@s/b/node_modules/d', 'sha512-d']];
    expect(whyNotTrusted({ ...TREE, packages: own }, lock, lock, request)).toBeUndefined();
    for (const packages of [own.slice(1), own.slice(0, 2), TREE.packages]) expect(whyNotTrusted({ ...TREE, packages }, lock, lock, request)).toBeTypeOf('string');
    // Not installed either, as a forger might have it.
    const without = parseLock(JSON.stringify({ lockfileVersion: 3, packages: { ...bundled, 'node_modules/@s/b': undefined, 'node_modules/@s/b/node_modules/d': undefined } }));
    expect(whyNotTrusted({ ...TREE, packages: own.slice(1, 2), bins: [] }, without, lock, request)).toBe('node_modules/@s/b is missing');
  });
});
