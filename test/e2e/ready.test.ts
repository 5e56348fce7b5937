import { chmodSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tryClaim } from '../../src/cache/claim.ts';
import { listDir } from '../../src/cache/sweep.ts';
import { offline, served } from './support/offline.ts';
import { sideBySide } from './support/tree.ts';
import { startWorld, type World } from './support/world.ts';
import type { Worker } from './support/worker.ts';

let world: World;

const SMALL = ['ash==1', 'birch==1'];

beforeAll(async () => {
  world = await startWorld();
  world.wheel({ name: 'ash', version: '1', requiresDist: ['birch'], consoleScripts: ['ash = ash:main'] });
  world.wheel({ name: 'birch', version: '1' });
  world.wheel({ name: 'many', version: '1', files: Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`many/data-${index}.txt`, `${index}`])) });
  world.wheel({ name: 'heavy', version: '1', files: { 'heavy/data-0.txt': 'x'.repeat(17 << 20) } });
});

afterAll(async () => await world.stop());

/** How many ready copies there are of each entry, and the inodes of one file of theirs. */
function copiesOf({ cache }: Worker, file: string): { counts: number[]; inodes: number[] } {
  const shelves = listDir(join(cache, 'v1/ready')).flatMap((owner) => listDir(join(cache, 'v1/ready', owner)).map((id) => join(cache, 'v1/ready', owner, id)));
  const copies = shelves.map((shelf) => readdirSync(shelf).map((name) => join(shelf, name)));
  const files = copies.flat().map((copy) => join(copy, 'purelib', file)).filter((path) => existsSync(path));
  return { counts: copies.map(({ length }) => length), inodes: files.map((path) => statSync(path).ino) };
}

/** A worker that has the set, and has served it once. */
async function used(set: readonly string[]): Promise<Worker> {
  const worker = world.worker();
  await worker.fill(await world.venv(), set);
  await worker.fill(await world.venv(), set);
  return worker;
}

it('of a small set there are several copies, and the next are made when they are used up', async () => {
  const worker = await used(SMALL);
  expect(copiesOf(worker, '').counts).toEqual([4, 4]);
  for (const left of [3, 2, 1, 0]) {
    const { inodes } = copiesOf(worker, 'birch/__init__.py');
    const venv = await world.venv();
    const { expected, actual, shim } = await sideBySide(
      venv,
      () => world.realPip(venv, ['install', ...SMALL]),
      () => offline(world, () => worker.pip(venv, ['install', ...SMALL])),
    );
    expect(served(shim.stdout)).toEqual(SMALL);
    expect(actual).toEqual(expected);
    expect(inodes).toContain(statSync(join(venv.sitePackages, 'birch/__init__.py')).ino);
    if (left > 0) expect([copiesOf(worker, '').counts, listDir(join(worker.cache, 'v1/spool/jobs'))]).toEqual([[left, left], []]);
  }
  await worker.settle();
  expect(copiesOf(worker, '').counts).toEqual([4, 4]);
});

it.each([
  ['many files', 'many'],
  ['large files', 'heavy'],
])('of a set with %s there is one, and another one once it is taken', async (_what, name) => {
  const set = [`${name}==1`];
  const worker = await used(set);
  for (let round = 0; round < 2; round++) {
    expect(copiesOf(worker, '').counts).toEqual([1]);
    const { inodes } = copiesOf(worker, `${name}/data-0.txt`);
    const venv = await world.venv();
    await worker.fill(venv, set);
    expect(inodes).toEqual([statSync(join(venv.sitePackages, `${name}/data-0.txt`)).ino]);
  }
});

it('nothing is left to do by an install where none can be made', async () => {
  const worker = world.worker();
  await worker.fill(await world.venv(), SMALL);
  chmodSync(join(worker.cache, 'v1'), 0o2755);
  const busy = tryClaim(worker.backgroundClaim); // what is spooled stays
  const { code, stdout } = await worker.pip(await world.venv(), ['install', ...SMALL]);
  busy?.release();
  expect([code, served(stdout), listDir(join(worker.cache, 'v1/spool/jobs'))]).toEqual([0, SMALL, []]);
});

it('there are none where they are switched off', async () => {
  const worker = world.worker({ PKG_CACHE_READY_COPIES: 'off' });
  for (let round = 0; round < 2; round++) await worker.fill(await world.venv(), SMALL);
  expect(copiesOf(worker, '').counts).toEqual([]);
});
