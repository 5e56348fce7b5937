import { chmodSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type Outcome } from '../support/run.ts';
import type { Venv } from '../support/venv.ts';
import type { Worker } from './support/worker.ts';
import { startWorld, type World } from './support/world.ts';

/** A user who is neither root nor the owner of anything here. */
const SOMEBODY = ['--reuid', '1000', '--regid', '1000', '--clear-groups'];

/** Lets others into what tests make for themselves: directories below that for temporary files. */
function letOthersIn(path: string): void {
  for (let each = path; each.startsWith(`${realpathSync(tmpdir())}/`); each = dirname(each)) chmodSync(each, 0o755);
}

const canBeSomebody = (await run('setpriv', [...SOMEBODY, process.execPath, '--version']).catch(() => undefined))?.code === 0;

let world: World;

beforeAll(async () => {
  world = await startWorld();
  world.wheel({ name: 'ash', version: '1.0' });
});

afterAll(async () => await world.stop());

describe.skipIf(!canBeSomebody)("another user's cache (needs root, and setpriv)", () => {
  let worker: Worker;
  let venv: Venv;

  beforeAll(async () => {
    worker = world.worker();
    venv = await world.venv();
    await worker.fill(venv, ['ash==1.0']);
    letOthersIn(world.root);
    letOthersIn(worker.shims);
  });

  const cli = (...args: string[]): Promise<Outcome> => run('setpriv', [...SOMEBODY, 'pkg-cache', ...args], { cwd: '/', env: { ...worker.env, PATH: [worker.shims, venv.bin, worker.env['PATH']].join(delimiter) } });

  it.each<[string, RegExp]>([
    ['status', /^cached +pip +ash==1\.0 /m],
    ['stats', /^waiting: 0 jobs, 0 uploads$/m],
    ['logs', /cached ash==1\.0/],
    ['verify', /^1 checked, 0 damaged$/m],
    ['clean', /nothing to clean/],
    ['flush', /^$/],
    ['config', /^cache_dir /m],
  ])('can be looked at: %s', async (line, stdout) => {
    expect(await cli(...line.split(' '))).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(stdout) as string });
  });

  it('is looked at by doctor', async () => {
    expect((await cli('doctor')).stdout).toMatch(/^cache\n/m);
  });

  it.each(['remove ash', 'add ash==1.0'])('is not changed, and that is told in words: %s', async (line) => {
    const { code, stderr } = await cli(...line.split(' '));
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^pkg-cache: \/\S+ is not for this user to change \(EACCES\)\n {2}run it as the user whom the cache belongs to\n$/);
    expect(await worker.cached()).toEqual(['ash==1.0']);
  });
});
