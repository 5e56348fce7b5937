import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type Outcome } from '../support/run.ts';
import { until } from './support/offline.ts';
import { start, type Started } from './support/started.ts';
import type { Worker } from './support/worker.ts';
import { startWorld, type World } from './support/world.ts';

/** Runs what follows as in a container: pids and mounts of its own, and it ends with the first process. */
const CONTAINER = ['-rpf', '--mount-proc', '--kill-child'];

const canContain = (await run('unshare', [...CONTAINER, 'true']).catch(() => undefined))?.code === 0;

let world: World;

beforeAll(async () => {
  world = await startWorld({ store: true });
  for (const name of ['ash', 'birch']) world.wheel({ name, version: '1.0' });
});

afterAll(async () => await world.stop());

/** `sh -c SCRIPT` in a container that has the worker's cache. */
async function inContainer(worker: Worker, script: string): Promise<Outcome> {
  const venv = await world.venv();
  return await run('unshare', [...CONTAINER, 'sh', '-c', script], { cwd: world.root, env: worker.environment(venv), timeout: 120_000 });
}

describe.skipIf(!canContain)('containers that share a cache (needs unshare)', () => {
  let worker: Worker;
  let daemon: Started;

  beforeAll(async () => {
    worker = world.worker();
    daemon = start('unshare', [...CONTAINER, 'pkg-cache', 'daemon'], worker.environment(await world.venv()));
    const claims = join(worker.cache, 'v1/claims');
    await until(() => existsSync(claims) && readdirSync(claims).some((name) => name.startsWith('background')));
  });

  afterAll(async () => {
    daemon.kill('SIGKILL');
    await daemon.ended;
  });

  it('cache what each of them installs, while a daemon in another one has the cache in hand', async () => {
    const { code, stderr } = await inContainer(worker, 'pip install -q ash==1.0 && pkg-cache flush');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await worker.cached()).toEqual(['ash==1.0']);
    expect(await world.worker().cli(['store', 'ls', 'ash'])).toMatchObject({ code: 0 });
  });

  it('do not wait for what one that is gone has left', async () => {
    // It ends, and its background process with it, before what it brought is cached.
    expect(await inContainer(worker, 'pip install -q birch==1.0')).toMatchObject({ code: 0 });
    expect(await worker.cli(['flush'])).toMatchObject({ code: 0, stderr: '' });
  });
});
