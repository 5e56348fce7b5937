import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { packagesIn } from './tree.ts';
import { remove, type World } from './world.ts';

/**
 * Has several installers install the same set into fresh environments, round after round, from one cache, while `pkg-cache clean --all` runs in
 * a loop. Every environment must be what the real pip makes, and no installer may complain. It goes on until some of them were served, however
 * slow the machine.
 */
export async function whileCleaning(world: World, { installers, rounds }: { installers: number; rounds: number }): Promise<void> {
  const names = Array.from({ length: 4 }, (_, index) => `tree-${index}`);
  for (const name of names) {
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`${name.replace('-', '_')}/m${index}.py`, `x = ${index}\n`]));
    world.wheel({ name, version: '1.0', files });
  }
  const set = names.map((name) => `${name}==1.0`);
  const worker = world.worker({ PIP_RETRIES: '5' });
  const first = await world.venv();
  await worker.fill(first, set);
  const expected = packagesIn(first);
  let left = rounds;
  let served = 0;
  let done = 0;
  const installer = async (): Promise<void> => {
    while (left-- > 0 || served === 0) {
      const venv = await world.venv();
      const { code, stdout, stderr } = await worker.pip(venv, ['install', ...set]);
      // pip itself may warn of a connection that it had to try again.
      expect({ code, ours: stderr.split('\n').filter((line) => line.includes('pkg-cache')) }).toEqual({ code: 0, ours: [] });
      expect(packagesIn(venv)).toEqual(expected);
      if (stdout.includes('(cached)')) served++;
      if (++done % 50 === 0) console.info(`${done} environments are right, ${served} of them from the cache`);
      remove(venv.dir);
    }
  };
  let over = false;
  const cleaner = async (): Promise<void> => {
    let pause = 0;
    while (!over) {
      const before = served;
      expect(await worker.cli(['clean', '--all', '-q'])).toMatchObject({ code: 0, stderr: '' });
      await sleep(pause);
      // Something must stay long enough to be served now and then.
      pause = served > before ? 0 : pause + 250;
    }
  };
  const cleaning = cleaner();
  await Promise.all(Array.from({ length: installers }, installer)).finally(() => (over = true));
  await cleaning;
}
