import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { LocalCache } from '../../src/cache/local.ts';
import { isAtWork } from '../../src/fleet/start.ts';
import { MEMORY, twoDisks } from '../place/support.ts';
import { anyPython } from '../support/pythons.ts';
import { DEFAULT_ACL } from './support/acl.ts';
import { NpmLab, removeModules, said } from './support/npm-lab.ts';
import { until } from './support/offline.ts';
import { treeOf } from './support/tree.ts';
import type { Env } from './support/worker.ts';

let lab: NpmLab;

beforeAll(async () => {
  lab = await NpmLab.start();
  lab.registry.publish({ name: 'leaf', version: '1.0.0', manifest: { bin: 'index.js' } });
}, 300_000);

afterAll(() => lab.stop());

/** Of which nobody need know. */
const OTHER_GROUP = 54_321;

/** A cache directory on another file system than all else, until the test has ended. */
function onOtherDisk(): string {
  const directory = mkdtempSync(join(MEMORY, 'pkg-cache-places-'));
  const cache = join(directory, 'cache');
  onTestFinished(async () => {
    await until(() => !isAtWork(new LocalCache(cache))); // it would make the directory anew
    rmSync(directory, { recursive: true, force: true });
  });
  return cache;
}

describe('what is where the tree is to be', () => {
  /** Installs a project by the real npm and then through the shim, each time after `prepare`; what they say and leave. */
  async function both(directory: string, prepare: (elsewhere: string) => void, env: Env = {}): Promise<[unknown, unknown]> {
    const elsewhere = `${directory}-elsewhere`;
    const worker = await lab.filled(directory, env);
    const results = [];
    for (const install of [lab.realNpm.bind(lab), lab.npm.bind(lab, worker)]) {
      prepare(elsewhere);
      const outcome = await install(directory, ['ci']);
      results.push({ code: outcome.code, said: said(outcome), stderr: outcome.stderr, trees: [directory, ...(existsSync(elsewhere) ? [elsewhere] : [])].map(treeOf) });
    }
    await worker.settle();
    return results as [unknown, unknown];
  }

  it.each(['link', 'file'])('a %s, which npm removes with a warning', async (kind) => {
    const directory = await lab.project({ dependencies: { leaf: '1.0.0' }, description: kind });
    const [expected, actual] = await both(directory, (elsewhere) => {
      rmSync(join(directory, 'node_modules'), { recursive: true, force: true });
      mkdirSync(join(elsewhere, 'old'), { recursive: true });
      if (kind === 'link') symlinkSync(elsewhere, join(directory, 'node_modules'));
      else writeFileSync(join(directory, 'node_modules'), '');
    });
    expect(actual).toEqual(expected);
    expect(expected).toMatchObject({ stderr: expect.stringContaining('Removing non-directory') as string });
  });

  it.skipIf(process.platform !== 'linux').each([
    ['the setgid bit', (path: string) => chmodSync(path, 0o2775)],
    ['a default ACL', (path: string) => execFileSync(anyPython().path, ['-c', DEFAULT_ACL, path])],
  ])('a project with %s, which is passed on (Linux)', async (what, set) => {
    const directory = await lab.project({ dependencies: { leaf: '1.0.0' }, description: what });
    const [expected, actual] = await both(directory, () => {
      removeModules(directory);
      chmodSync(directory, 0o770);
      set(directory);
    });
    expect(actual).toEqual(expected);
    expect(statSync(join(directory, 'node_modules/leaf')).mode & 0o7777).toBe(what === 'a default ACL' ? 0o770 : 0o2755);
  });

  it.skipIf(process.platform !== 'linux' || !twoDisks || process.getuid?.() !== 0)('a project of another group, with the setgid bit, around a node_modules without it; the cache is on another file system (Linux, root)', async () => {
    const directory = await lab.project({ dependencies: { leaf: '1.0.0' }, description: 'a group around' });
    const prepare = (): void => {
      removeModules(directory);
      chmodSync(directory, 0o755);
      mkdirSync(join(directory, 'node_modules'));
      chownSync(directory, 0, OTHER_GROUP);
      chmodSync(directory, 0o2755);
    };
    const [expected, actual] = await both(directory, prepare, { PKG_CACHE_DIR: onOtherDisk() });
    expect(actual).toEqual(expected);
    for (const name of ['leaf', 'leaf/index.js', '.bin/leaf', '.package-lock.json']) expect(lstatSync(join(directory, 'node_modules', name)).gid).toBe(process.getegid?.());
  });

  it('packages in a directory that is depended on, which npm leaves there', async () => {
    const beside = JSON.stringify({ name: 'beside', version: '1.0.0', dependencies: { leaf: '1.0.0' } });
    const directory = await lab.project({ dependencies: { beside: 'file:vendor/beside' } }, { 'vendor/beside/package.json': beside });
    const [expected, actual] = await both(directory, () => {
      removeModules(directory);
      mkdirSync(join(directory, 'vendor/beside/node_modules/stray'), { recursive: true });
      writeFileSync(join(directory, 'vendor/beside/node_modules/stray/package.json'), '{"name":"stray","version":"1.0.0"}');
    });
    expect(actual).toEqual(expected);
  });
});

it.skipIf(!twoDisks)('a cache on another file system serves over a tree that is there, and leaves nothing behind', async () => {
  const directory = await lab.project({ dependencies: { leaf: '1.0.0' }, description: 'two disks' });
  const { tree } = await lab.reference(directory);
  const worker = await lab.filled(directory, { PKG_CACHE_DIR: onOtherDisk() });
  for (const time of ['no node_modules', 'an old one']) {
    const hit = await lab.npm(worker, directory, ['ci']);
    expect({ time, ...hit }).toMatchObject({ time, code: 0, stderr: '', stdout: expect.stringContaining('from the cache') as string });
    expect(treeOf(directory)).toEqual(tree);
    expect((await lab.realNpm(directory, ['ls', '--all'])).code).toBe(0);
  }
  await worker.settle();
  expect(readdirSync(directory).sort()).toEqual(['node_modules', 'package-lock.json', 'package.json']);
});

it.each([
  ['--prefix', '/', ['--prefix', 'DIRECTORY', 'ci']],
  ['-C', '/', ['-C', 'DIRECTORY', 'ci']],
  ['a working directory by way of a link', 'LINK', ['ci']],
  ['a directory inside of the project', 'INSIDE', ['ci']],
])('%s: the same project', async (title, cwd, args) => {
  const directory = await lab.project({ dependencies: { leaf: '1.0.0' }, description: title });
  const places: Readonly<Record<string, string>> = { DIRECTORY: directory, LINK: `${directory}-link`, INSIDE: join(directory, 'inside') };
  symlinkSync(directory, `${directory}-link`);
  mkdirSync(join(directory, 'inside'));
  const at = (word: string): string => places[word] ?? word;
  const expected = await lab.realNpm(at(cwd), args.map(at));
  const tree = treeOf(directory);
  removeModules(directory);
  const worker = lab.world.worker();
  for (const time of ['miss', 'hit']) {
    const { code, stdout, stderr } = await lab.npm(worker, at(cwd), args.map(at));
    expect({ time, code, stderr, said: said({ stdout }) }).toEqual({ time, code: expected.code, stderr: expected.stderr, said: said(expected) });
    expect(treeOf(directory)).toEqual(tree);
    expect(stdout.includes('from the cache')).toBe(time === 'hit' && expected.code === 0);
    await worker.settle();
    removeModules(directory);
  }
});
