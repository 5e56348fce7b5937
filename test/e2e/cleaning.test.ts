import { afterAll, beforeAll, expect, it } from 'vitest';
import { whileCleaning } from './support/cleaning.ts';
import { startWorld, type World } from './support/world.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(async () => await world.stop());

it('installs are right while the cache is cleaned again and again', async () => {
  await whileCleaning(world, { installers: 4, rounds: 12 });
});

it('what is too much for the cache goes when an install has added something', async () => {
  world.wheel({ name: 'large', version: '1.0', files: { 'large/data.bin': new Uint8Array(300_000).fill(1) } });
  world.wheel({ name: 'other', version: '1.0', files: { 'other/data.bin': new Uint8Array(300_000).fill(1) } });
  const worker = world.worker({ PKG_CACHE_MAX_SIZE: '400k', PKG_CACHE_CLEAN_LIMIT: '-1' });
  await worker.fill(await world.venv(), ['large==1.0']);
  expect(await worker.cached()).toEqual(['large==1.0']);
  await worker.pip(await world.venv(), ['install', 'other==1.0'], { env: { PKG_CACHE_MAX_SIZE: '0' } });
  await worker.settle();
  // A limit is looked after once a minute at most: a command does it at once.
  expect((await worker.cli(['clean', '-q'])).stdout).toMatch(/^freed 30\d\.\d kB: 1 too much\n$/);
  expect(await worker.cached()).toEqual(['other==1.0']);
});
