import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { treeOf, type Tree } from '../e2e/support/tree.ts';
import { endBackground, startWorld, type World } from '../e2e/support/world.ts';
import { Worker } from '../e2e/support/worker.ts';
import type { Venv } from '../support/venv.ts';
import { brokenEntries, filesBelow, keep } from './support/on-disk.ts';
import { inject, samplePoints, whyNoStrace, type Call, type Point } from './support/strace.ts';

const reason = whyNoStrace();
if (reason !== undefined) console.warn(`No system call fails: ${reason}`);

const SET = ['ash==2', 'birch==1'];

let world: World;
let worker: Worker;
let venv: Venv;
let expected: Tree;
let restore: () => void;
let app: string;

beforeAll(async () => {
  world = await startWorld();
  for (const version of ['1', '2']) {
    world.wheel({ name: 'ash', version, files: { 'ash/__init__.py': '', [`ash/only_${version}.py`]: '', 'ash/sub/mod.py': `v = ${version}\n` }, consoleScripts: [`ash-${version} = ash:main`] });
  }
  world.wheel({ name: 'birch', version: '1', files: { 'birch/__init__.py': '', 'birch/data.bin': new Uint8Array(300_000).fill(7) } });
  worker = world.worker({ PKG_CACHE_READY_COPIES: 'off' });
  app = /^pkgc_app='(.*)'$/m.exec(readFileSync(join(worker.shims, 'pip'), 'utf8'))![1]!;
  await worker.fill(await world.venv(), SET);
  venv = await world.venv();
  await world.realPip(venv, ['install', 'ash==1']);
  await endBackground(worker.cache);
  restore = keep(venv.dir, worker.cache);
  await world.realPip(venv, ['install', ...SET]);
  expected = treeOf(venv.dir);
});

afterAll(async () => await world?.stop());

/** The worker's shims, with calls of the app (and of nothing else) that fail at a point, or from there on. */
function failing(point: Point, error: string, lasting: boolean): Worker {
  const shims = join(world.root, `shims-${point.call}-${point.when}-${error}`);
  mkdirSync(shims);
  writeFileSync(join(shims, '.pkg-cache-shims'), '');
  const node = join(shims, 'node');
  const words = ['strace', ...inject(point, `error=${error}`, { lasting }), process.execPath].map((word) => `'${word}'`).join(' ');
  writeFileSync(node, `#!/bin/sh\nexec ${words} "$@"\n`);
  writeFileSync(join(shims, 'pip'), readFileSync(join(worker.shims, 'pip'), 'utf8').replace(/^pkgc_node=.*$/m, `pkgc_node='${node}'`));
  for (const name of ['node', 'pip']) chmodSync(join(shims, name), 0o755);
  return new Worker(shims, worker.env);
}

/** What an install leaves behind that is none of its business. */
const litter = (): string[] => [...filesBelow(venv.dir), ...filesBelow(worker.cache)].filter((path) => path.includes('.pkg-cache-'));

/** The outcome is the real pip's, in one line more at most; the next install is served. */
async function assertRight(at: string, shim: Worker): Promise<void> {
  await endBackground(worker.cache);
  restore();
  const { code, stdout, stderr } = await shim.pip(venv, ['install', ...SET]);
  expect.soft({ at, code, lines: stderr.split('\n').length - 1 <= 1 }, `${stdout}\n${stderr}`).toEqual({ at, code: 0, lines: true });
  expect.soft({ at, tree: treeOf(venv.dir) }).toEqual({ at, tree: expected });
  const again = await worker.pip(venv, ['install', '--no-deps', 'birch==1', 'ash==2']);
  expect.soft({ at, code: again.code, stderr: again.stderr }).toEqual({ at, code: 0, stderr: '' });
  expect.soft({ at, tree: treeOf(venv.dir), litter: litter() }).toEqual({ at, tree: expected, litter: [] });
  await worker.settle();
  expect.soft({ at, broken: brokenEntries(worker.cache) }).toEqual({ at, broken: [] });
}

describe.skipIf(reason !== undefined)('an install', () => {
  let points: readonly Point[];

  beforeAll(async () => {
    restore();
    const command = ['sh', '-c', 'exec "$@" 3>/dev/null', 'sh', process.execPath, app, 'pip', join(venv.bin, 'pip'), 'install', ...SET];
    points = await samplePoints(command, { env: worker.environment(venv), cwd: '/' }, 26, { since: /claims\/env-/ });
  });

  async function assertAll(call: Call, error: string, lasting: boolean): Promise<void> {
    const here = points.filter((point) => point.call === call);
    expect(here.length).toBeGreaterThan(0);
    for (const point of here) await assertRight(`${call} ${point.when}: ${error}`, failing(point, error, lasting));
  }

  it.each([
    ['openat', 'EMFILE'],
    ['openat', 'ENOSPC'],
    ['write', 'ENOSPC'],
    ['mkdir', 'EDQUOT'],
    ['unlink', 'EIO'],
    ['rmdir', 'EBUSY'],
    ['copy_file_range', 'ENOSPC'],
    ['utimensat', 'EPERM'],
  ] as [Call, string][])('of which every %s fails from some point on, with %s', (call, error) => assertAll(call, error, true));

  // What has been renamed can only be taken back by renaming.
  it.each([
    ['rename', 'EROFS'],
    ['rename', 'ENOSPC'],
    ['write', 'EIO'],
  ] as [Call, string][])('of which one %s fails, with %s', (call, error) => assertAll(call, error, false));
});
