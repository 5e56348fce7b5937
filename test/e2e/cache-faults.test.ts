import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPkgCache } from '../support/install.ts';
import { run } from '../support/run.ts';
import { offline, served } from './support/offline.ts';
import { packagesIn, type Tree } from './support/tree.ts';
import { remove, startWorld, type World } from './support/world.ts';
import { Worker } from './support/worker.ts';

const SET = ['ash==1', 'birch==1'];
const isRoot = process.getuid?.() === 0;

let world: World;
let filled: Worker;
let expected: Tree;

beforeAll(async () => {
  world = await startWorld({ store: true });
  for (const name of ['ash', 'birch']) world.wheel({ name, version: '1', files: { [`${name}/__init__.py`]: 'x = 1\n', [`${name}/data.bin`]: new Uint8Array(200_000).fill(1) } });
  filled = world.worker();
  const venv = await world.venv();
  await filled.fill(venv, SET);
  expected = packagesIn(venv);
});

afterAll(async () => await world.stop());

describe('a cache directory that cannot be used or trusted is not', () => {
  const cases: [string, (path: string) => void][] = [
    ['is a symbolic link', (path) => symlinkSync(filled.cache, path)],
    ['can be written by everybody', (path) => (mkdirSync(path), chmodSync(path, 0o777))],
    ['is a part of the cache, can be written by everybody', (path) => (mkdirSync(join(path, 'v1/entries'), { recursive: true }), chmodSync(join(path, 'v1/entries'), 0o1777))],
    ['lies in, can be written by everybody', (path) => chmodSync(dirname(path), 0o777)],
    ['is not a directory', (path) => writeFileSync(path, '')],
    ['ENOTDIR', (path) => (remove(dirname(path)), writeFileSync(dirname(path), ''))],
    ...(isRoot ? [['belongs to another user', (path) => (mkdirSync(path), chownSync(path, 12_345, 12_345))] satisfies [string, (path: string) => void]] : []),
    ...(isRoot ? [['is a part of the cache, belongs to another user', (path) => (mkdirSync(join(path, 'v1'), { recursive: true }), chownSync(join(path, 'v1'), 12_345, 12_345))] satisfies [string, (path: string) => void]] : []),
  ];
  it.each(cases)('%s', async (why, make) => {
    const path = join(world.root, `bad ${why}`, 'cache');
    mkdirSync(dirname(path));
    make(path);
    const venv = await world.venv();
    const { code, stdout, stderr } = await world.worker({ PKG_CACHE_DIR: path }).pip(venv, ['install', ...SET]);
    expect(code).toBe(0);
    expect(stdout).toContain('Downloading');
    expect(stderr).toMatch(/^pkg-cache: .*; left to the real tool\n$/);
    expect(stderr).toContain(why);
    expect(packagesIn(venv)).toEqual(expected);
  });
});

describe('a cache that is damaged gives right results all the same', () => {
  /** Does something to the entry of `ash`. */
  const damages: [string, (entry: string) => void][] = [
    ['entry.json is garbage', (entry) => writeFileSync(join(entry, 'entry.json'), '{"layout":1')],
    ['entry.json was altered', (entry) => writeFileSync(join(entry, 'entry.json'), readFileSync(join(entry, 'entry.json'), 'utf8').replace('"requiresDist":[]', '"requiresDist":["nothing-like-it"]'))],
    ['entry.json is empty', (entry) => truncateSync(join(entry, 'entry.json'))],
    ['files.json is another', (entry) => writeFileSync(join(entry, 'files.json'), '[]')],
    ['files.json is gone', (entry) => rmSync(join(entry, 'files.json'))],
    ['a file is shorter', (entry) => truncateSync(join(entry, 'tree/purelib/ash/data.bin'), 7)],
    ['a file is gone', (entry) => rmSync(join(entry, 'tree/purelib/ash/data.bin'))],
    ['the tree is gone', (entry) => remove(join(entry, 'tree'))],
  ];
  it.each(damages)('%s', async (_what, damage) => {
    const worker = world.worker({ PKG_CACHE_STORE: undefined });
    execFileSync('cp', ['-a', filled.cache, worker.cache]);
    // A ready copy was made before the damage, and hides it.
    remove(join(worker.cache, 'v1/ready'));
    damage((await worker.rows()).find((row) => row.package === 'ash')!.path);
    for (let round = 0; round < 2; round++) {
      const venv = await world.venv();
      const { code, stderr } = await worker.pip(venv, ['install', ...SET]);
      expect(code).toBe(0);
      expect(stderr).toMatch(round === 0 ? /^(pkg-cache: .*\n)?$/ : /^$/);
      expect(packagesIn(venv)).toEqual(expected);
      await worker.settle();
    }
    // What was put aside is not tried again by itself.
    await worker.cli(['clean']);
    await worker.fill(await world.venv(), SET);
    const healed = await offline(world, async () => await worker.pip(await world.venv(), ['install', ...SET]));
    expect(served(healed.stdout)).toEqual(SET);
  });
});

it.skipIf(!isRoot)('a full disk under the cache (needs root, for a file system of its own)', async () => {
  for (const size of ['32k', '300k']) {
    const worker = world.worker();
    mkdirSync(worker.cache);
    const venv = await world.venv();
    const script = `mount -t tmpfs -o size=${size},mode=755 none "$PKG_CACHE_DIR" && exec pip install "$@"`;
    const { code, stderr } = await run('unshare', ['-m', 'sh', '-c', script, 'sh', ...SET], { env: worker.environment(venv) });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^(pkg-cache: .*\n)?$/);
    expect(packagesIn(venv)).toEqual(expected);
  }
});

it('what is in the spool and cannot be understood does not keep the rest from being done', async () => {
  const worker = world.worker();
  const spool = join(worker.cache, 'v1/spool');
  for (const name of ['jobs', 'uploads', 'reports']) mkdirSync(join(spool, name), { recursive: true });
  ['garbage', 'null', '{}', '7', '{"kind":"collect"}', '{"kind":"collect","ecosystem":"pip","after":null}', '{"kind":"prepare"}', '{"kind":"prepare","ids":"x","owner":{}}'].forEach((text, number) =>
    writeFileSync(join(spool, `jobs/1-${number}.json`), text),
  );
  writeFileSync(join(spool, 'uploads/not-an-id'), '');
  await worker.fill(await world.venv(), ['--no-deps', 'ash==1']);
  expect(await worker.cached()).toEqual(['ash==1']);
  expect(readdirSync(join(spool, 'jobs'))).toEqual([]);
  expect(readdirSync(join(spool, 'uploads'))).toEqual([]);
});

describe('the config file', () => {
  /** Another installation, with a config of its own. */
  const configured = async (config: string): Promise<{ worker: Worker; file: string }> => {
    const { prefix } = await installPkgCache();
    const copy = join(world.root, 'prefix');
    remove(copy);
    cpSync(prefix, copy, { recursive: true, verbatimSymlinks: true });
    for (const name of ['pip', 'pkg-cache']) {
      const shim = join(copy, 'shims', name);
      writeFileSync(shim, readFileSync(shim, 'utf8').replaceAll(prefix, copy));
    }
    writeFileSync(join(copy, 'config'), config);
    return { worker: new Worker(join(copy, 'shims'), { ...filled.env, PKG_CACHE_DIR: undefined, PKG_CACHE_STORE: undefined }), file: join(copy, 'config') };
  };

  it('without a cache in it: the real pip, and nothing is kept', async () => {
    const { worker } = await configured('# nothing\n');
    const venv = await world.venv();
    const real = await world.realPip(venv, ['install', '-q', ...SET]);
    expect(await worker.pip(await world.venv(), ['install', '-q', ...SET])).toEqual(real);
    expect((await worker.cli(['status'])).stderr).toContain('no cache is configured');
  });

  it('names a cache, which serves', async () => {
    const { worker } = await configured(`cache_dir = ${filled.cache}\n`);
    const { stdout } = await offline(world, async () => await worker.pip(await world.venv(), ['install', ...SET]));
    expect(served(stdout)).toEqual(SET);
  });

  it.each([
    ['cache_dir = relative', 'line 2: relative is not an absolute path'],
    ['what is this', 'line 2: not a `key = value`'],
    ['store = ftp://x', 'line 2: the store is neither'],
    ['link_mode = soft', 'line 2: soft is none of'],
  ])('with a mistake in it (%s): one line that says where, and the real pip', async (line, message) => {
    const { worker, file } = await configured(`# settings\n${line}\n`);
    const venv = await world.venv();
    const { code, stderr } = await worker.pip(venv, ['install', '-q', ...SET]);
    expect(code).toBe(0);
    expect(stderr.split('\n')).toEqual([expect.stringContaining(`${file}, ${message}`), '']);
    expect(packagesIn(venv)).toEqual(expected);
  });
});
