import { afterAll, beforeAll, it } from 'vitest';
import { whileCleaning } from '../e2e/support/cleaning.ts';
import { startWorld, type World } from '../e2e/support/world.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(async () => await world.stop());

it('eight installers and a loop of cleans: 500 environments are right', { timeout: 2 * 3_600_000 }, async () => {
  await whileCleaning(world, { installers: 8, rounds: 500 });
});
