import { afterAll, beforeAll, expect, it } from 'vitest';
import { endBackground } from '../e2e/support/world.ts';
import { installPkgCache } from '../support/install.ts';
import { sandbox, type Sandbox } from '../support/sandbox.ts';
import { Environments } from './support/fuzz/environments.ts';
import { episode, ROUNDS, type Round, type Setting } from './support/fuzz/episode.ts';

/*
 * Odd projects, odd environments and odd commands by chance: what the shim leaves is what the real pip leaves in the same place.
 *
 *   PKG_CACHE_FUZZ_ROUNDS   how many commands, 500 if not given
 *   PKG_CACHE_FUZZ_SEED     the first episode's; a failure names the one to begin with to see it again
 */

const COMMANDS = Number(process.env['PKG_CACHE_FUZZ_ROUNDS'] ?? '500');
const FIRST = Number(process.env['PKG_CACHE_FUZZ_SEED'] ?? '1');
const EPISODES = Math.ceil(COMMANDS / ROUNDS);

let box: Sandbox;
let setting: Setting;

beforeAll(async () => {
  const { shims } = await installPkgCache();
  box = await sandbox({ shims: false });
  setting = { box, shims, environments: await Environments.make(box.root) };
});
afterAll(async () => {
  await endBackground(box.root);
  box.dispose();
});

it(`${COMMANDS} commands from seed ${FIRST} on`, { timeout: EPISODES * 300_000 }, async () => {
  let served = 0;
  for (let seed = FIRST; seed < FIRST + EPISODES; seed++) {
    const rounds = await episode(seed, setting);
    for (const [number, round] of rounds.entries()) expect(round.shim, describe(seed, number, round)).toEqual(round.real);
    served += rounds.filter((round) => round.served > 0).length;
  }
  console.info(`${EPISODES * ROUNDS} commands, of which ${served} were served from the cache, at least in part`);
  // A cache that serves nothing would be right each time.
  expect(served, 'served').toBeGreaterThan(EPISODES / 2);
});

function describe(seed: number, number: number, { command, projects, output }: Round): string {
  const odd = projects.map(({ name, versions, features }) => `  ${name} ${versions.join(' ')}: ${features.join(', ')}`);
  return [`PKG_CACHE_FUZZ_SEED=${seed}, command ${number + 1}`, JSON.stringify(command, null, 1), ...odd, output].join('\n');
}
