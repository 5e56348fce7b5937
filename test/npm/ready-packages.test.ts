import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { EntryKey } from '../../src/cache/entry.ts';
import type { LocalCache } from '../../src/cache/local.ts';
import { isOriginal } from '../../src/manifest.ts';
import { copyPackage, modesOf } from '../../src/npm/copy-package.ts';
import { packageKey, type PackageEntry, type PackageMeta } from '../../src/npm/entry.ts';
import { groupsOf, takeReady } from '../../src/npm/placing.ts';
import { ReadyPackages } from '../../src/npm/ready-packages.ts';
import { tempCache, tempDir, writeFiles, type Contents } from '../cache/support.ts';
import { treeOf } from '../e2e/support/tree.ts';
import { MEMORY, twoDisks } from '../place/support.ts';

const CONTENTS = { 'package.json': '{}', 'lib/deep/a.js': 'a', 'lib/b.js': 'b', 'bin/c.sh': '#!/bin/sh\n' };

interface Given {
  readonly cache: LocalCache;
  readonly ash: PackageEntry;
  readonly ready: ReadyPackages;
  readonly shelf: string;
  readonly to: string;
}

function entry(cache: LocalCache, key: EntryKey, contents: Contents, meta: object): PackageEntry {
  const staging = cache.stage(key);
  const files = writeFiles(staging.tree, contents);
  return staging.publish(key, { version: key.version, archive: { filename: 'x.tgz', sha256: 'f'.repeat(64), ...(isOriginal(key) && { sha512: 'f'.repeat(128) }) }, meta: meta as PackageMeta }, files);
}

/** A cache with a package, of which no copy is made yet. */
function given({ umask = 0o022, meta = {} } = {}): Given {
  const cache = tempCache();
  const ash = entry(cache, packageKey('ash', '1.0.0', 'sha512-x'), CONTENTS, { integrity: 'sha512-x', crlf: [], ...meta });
  mkdirSync(cache.path('placing'));
  return { cache, ash, ...stock(cache, umask), shelf: cache.path('ready', `1-2-${umask.toString(8).padStart(3, '0')}`, ash.id), to: cache.path('placing/ash') };
}

function stock(cache: LocalCache, umask = 0o022): Pick<Given, 'ready'> {
  return { ready: new ReadyPackages(cache, { uid: 1, gid: 2, umask }) };
}

/** As an install that begins now sees it. */
function take({ cache, ash, to }: Given, umask?: number): number | undefined {
  return stock(cache, umask).ready.take(ash.id, to);
}

it.each<[string, number, object]>([
  ['umask 022', 0o022, {}],
  ['umask 077', 0o077, {}],
  ['a file that only some may execute', 0o022, { modes: [['lib/b.js', 0o100]] }],
  ['links and empty directories of what scripts have built', 0o027, { links: [['here/link', '../lib']], directories: ['build/empty'] }],
])('a copy is what copying makes: %s', (_, umask, meta) => {
  const world = given({ umask, meta });
  world.ready.prepare([world.ash]);
  expect(take(world, umask)).toBe(world.ash.entry.size);
  copyPackage({ cache: world.cache, linkMode: 'private', modes: modesOf(umask) }, world.ash, `${world.to}-copied`);
  expect(treeOf(world.to)).toEqual(treeOf(`${world.to}-copied`));
  expect(statSync(world.to).mode).toBe(statSync(`${world.to}-copied`).mode);
  expect(Object.keys(treeOf(world.to)).length).toBeGreaterThan(6);
});

it('there are as many as are wanted, and each is taken once', () => {
  const world = given();
  world.ready.prepare([world.ash, world.ash]);
  world.ready.prepare([world.ash]);
  expect(readdirSync(world.shelf)).toHaveLength(2);
  const { ready } = stock(world.cache);
  expect(ready.take(world.ash.id, world.to)).toBe(world.ash.entry.size);
  world.ready.prepare([world.ash, world.ash]);
  expect([1, 2, 3].map((n) => ready.take(world.ash.id, `${world.to}-${n}`) !== undefined)).toEqual([true, true, false]);
});

it('one that was made for another umask is not taken', () => {
  const world = given();
  world.ready.prepare([world.ash]);
  expect(take(world, 0o077)).toBeUndefined();
});

function reseal(copy: string, from: RegExp, to: string): void {
  const text = readFileSync(join(copy, '.pkg-cache-seal.json'), 'utf8');
  expect(text).toMatch(from);
  writeFileSync(join(copy, '.pkg-cache-seal.json'), text.replace(from, to));
}

it.each<[string, (copy: string) => void]>([
  ['lost a file', (copy) => rmSync(join(copy, 'package.json'))],
  ['lost all files of a directory, which stays', (copy) => rmSync(join(copy, 'lib/deep/a.js'))],
  ['lost a directory', (copy) => rmSync(join(copy, 'lib/deep'), { recursive: true })],
  ['has a file more', (copy) => writeFileSync(join(copy, 'lib/more.js'), '')],
  ['has a file that was replaced', (copy) => (writeFileSync(join(copy, 'new'), 'b'), renameSync(join(copy, 'new'), join(copy, 'lib/b.js')))],
  ['was made before the machine was started again', (copy) => reseal(copy, /"boot":"[^"]*"/, '"boot":"earlier"')],
  ['has a seal of another form', (copy) => reseal(copy, /"form":\d+/, '"form":0')],
  ['has a seal with a text for a list', (copy) => reseal(copy, /"directories":.*\]\]/, '"directories":"x"')],
  ['has a seal with rows that are none', (copy) => reseal(copy, /"directories":.*\]\]/, '"directories":[null]')],
  ['has a seal that says null', (copy) => reseal(copy, /^.*$/, 'null')],
  ['has half a seal', (copy) => reseal(copy, /\]\]\}$/, '')],
  ['has no seal', (copy) => rmSync(join(copy, '.pkg-cache-seal.json'))],
])('one that %s is thrown away, and the next is taken', (_, damage) => {
  const world = given();
  world.ready.prepare([world.ash]);
  damage(join(world.shelf, readdirSync(world.shelf)[0]!));
  expect(take(world)).toBeUndefined();
  expect([existsSync(world.to), readdirSync(world.shelf), readdirSync(world.cache.path('trash')).length]).toEqual([false, [], 1]);
  world.ready.prepare([world.ash]);
  expect(take(world)).toBe(world.ash.entry.size);
});

it('is verified: an entry whose bytes have changed gives none and is put aside, and the others are made', () => {
  const world = given();
  const birch = entry(world.cache, packageKey('birch', '1.0.0', 'sha512-y'), CONTENTS, { integrity: 'sha512-y', crlf: [] });
  writeFileSync(join(world.ash.dir, 'tree/lib/b.js'), 'X');
  world.ready.prepare([world.ash, birch]);
  expect(readdirSync(world.shelf)).toEqual([]);
  expect(world.cache.byId(world.ash.id)).toBeUndefined();
  expect(stock(world.cache).ready.take(birch.id, world.to)).toBe(birch.entry.size);
});

it.skipIf(!twoDisks)('on another file system none is taken, and none is lost', () => {
  const world = given();
  world.ready.prepare([world.ash]);
  const elsewhere = mkdtempSync(join(MEMORY, 'pkg-cache-ready-'));
  onTestFinished(() => rmSync(elsewhere, { recursive: true }));
  const { ready } = stock(world.cache);
  expect(ready.take(world.ash.id, join(elsewhere, 'ash'))).toBeUndefined();
  expect(readdirSync(world.shelf)).toHaveLength(1);
  expect(ready.take(world.ash.id, world.to)).toBeUndefined(); // not tried again by this install
  expect(take(world)).toBe(world.ash.entry.size);
});

it('of packages that lie in each other, what there are copies of is placed, and the rest is left in its order', () => {
  const { cache, ready } = given();
  const ids = new Map(['ash', 'birch', 'cedar', 'elm'].map((name) => [name, entry(cache, packageKey(name, '2.0.0', 'sha512-x'), { 'package.json': name }, { integrity: 'sha512-x', crlf: [] })]));
  ready.prepare(['ash', 'birch', 'elm'].map((name) => ids.get(name)!));
  const locations = ['node_modules/ash', 'node_modules/ash/node_modules/birch', 'node_modules/ash/node_modules/cedar', 'node_modules/ash/node_modules/elm', 'node_modules/cedar', 'node_modules/elm'];
  const idAt = (location: string): string => ids.get(location.split('/').at(-1)!)!.id;
  const stage = join(cache.path('placing'), 'stage');
  mkdirSync(join(stage, 'node_modules'), { recursive: true });
  const { left, sizes } = takeReady(stock(cache).ready, { stage, umask: 0o022, groups: groupsOf(locations.map((location) => [location, idAt(location)])) });
  expect(left.map((group) => group.map(([location]) => location))).toEqual([['node_modules/ash/node_modules/cedar', 'node_modules/ash/node_modules/elm'], ['node_modules/cedar']]);
  expect(locations.map((location) => existsSync(join(stage, location, 'package.json')))).toEqual([true, true, false, false, false, true]);
  expect(sizes).toEqual(new Map(['ash', 'birch', 'elm'].map((name) => [ids.get(name)!.id, name.length])));
});

it('nothing is taken from a directory that is not there', () => {
  const cache = tempCache();
  expect(stock(cache).ready.shelves.size).toBe(0);
  expect(stock(cache).ready.take('f'.repeat(64), join(tempDir(), 'to'))).toBeUndefined();
});

it('a package that has a file of the seal\'s name is copied, and the others have their copies', () => {
  const world = given();
  const own = entry(world.cache, packageKey('own', '1.0.0', 'sha512-y'), { '.pkg-cache-seal.json': '{}' }, { integrity: 'sha512-y', crlf: [] });
  world.ready.prepare([own, world.ash]);
  expect(stock(world.cache).ready.take(own.id, `${world.to}-own`)).toBeUndefined();
  expect(take(world)).toBe(world.ash.entry.size);
});
