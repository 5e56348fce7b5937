import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { python } from '../support/pythons.ts';
import { makeVenv, type Venv } from '../support/venv.ts';
import { served } from './support/offline.ts';
import type { Worker } from './support/worker.ts';
import { startWorld, type World } from './support/world.ts';

// Whose pip says what is yanked, which pip does from 23.3 on.
const modern = python('3.13');

let world: World;
let filename: string;
let made = 0;

beforeAll(async () => {
  world = await startWorld({ store: true });
  ({ filename } = world.wheel({ name: 'ash', version: '1.0' }));
  for (const name of ['birch', 'cedar']) world.wheel({ name, version: '1.0' });
});

afterAll(async () => await world.stop());

const venv = (): Promise<Venv> => makeVenv(modern!, join(world.root, `modern-${made++}`));

async function pip(worker: Worker, ...args: string[]): Promise<string> {
  const { code, stdout } = await worker.pip(await venv(), ['install', ...args]);
  expect(code).toBe(0);
  await worker.settle();
  return stdout;
}

describe.skipIf(!modern)('a release that is yanked after it was cached (needs Python 3.13)', () => {
  it('is served on, until the real pip is seen to be told; then neither from here nor from the store, until it is offered again', async () => {
    const worker = world.worker();
    await pip(worker, 'ash==1.0', 'birch==1.0');
    world.index.yank(filename);
    expect(served(await pip(worker, 'ash==1.0', 'birch==1.0'))).toEqual(['ash==1.0', 'birch==1.0']);
    // An open requirement: pip asks the index about all of them.
    await pip(worker, 'ash==1.0', 'cedar');
    expect(worker.log()).toContain('not cached: ash==1.0: its index has yanked it');
    expect(served(await pip(worker, 'ash==1.0', 'birch==1.0'))).toEqual(['birch==1.0']);
    const explained = await worker.cli(['explain', '--', 'pip', 'install', 'ash==1.0'], { env: { PATH: worker.environment(await venv())['PATH'] } });
    expect(explained.stdout).toMatch(/^miss +ash==1\.0 +its index has yanked it$/m);
    expect(await worker.cli(['sync', '--once'])).toMatchObject({ code: 0, stdout: '0 brought down, 0 stored\n' });
    world.index.unyank(filename);
    await pip(worker, 'ash==1.0', 'cedar');
    expect(served(await pip(worker, 'ash==1.0', 'birch==1.0'))).toEqual(['ash==1.0', 'birch==1.0']);
  });
});
