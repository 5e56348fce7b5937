import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFaultServer, type FaultServer } from '../support/fault-server.ts';
import { startWorld, type World } from './support/world.ts';
import type { Worker } from './support/worker.ts';

let world: World;
let refused: FaultServer;
let worker: Worker;

beforeAll(async () => {
  world = await startWorld({ store: true });
  refused = await startFaultServer('refused');
  world.wheel({ name: 'Some.Name', version: '1.0' });
  worker = world.worker();
});

afterAll(async () => await world.stop());

it('helps', async () => {
  const { code, stdout, stderr } = await worker.cli(['--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^pkg-cache <command>/);
  for (const command of ['status', 'flush']) expect(stdout).toContain(`pkg-cache ${command}`);
  const wrong = await worker.cli(['no-such-command']);
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(wrong.stderr).toContain('no-such-command');
});

it('shows an empty cache without making one', async () => {
  const { code, stdout } = await worker.cli(['status']);
  expect(code).toBe(0);
  expect(stdout).toContain(worker.cache);
  expect(stdout).toContain('no entries');
  expect(existsSync(join(worker.cache, 'v1/entries'))).toBe(false);
});

it('says what is not stored while the store is down, and stores it later', async () => {
  await worker.pip(await world.venv(), ['install', 'some-name==1.0'], { env: refused.env });
  const failed = await worker.cli(['flush'], { env: refused.env });
  expect(failed).toMatchObject({ code: 1, stdout: '' });
  expect(failed.stderr).toMatch(/^pkg-cache: 1 not stored yet: .+\n$/);
  const [pending] = await worker.rows();
  expect(pending).toMatchObject({ status: 'pending', package: 'some-name', version: '1.0' });
  const table = await worker.cli(['status']);
  expect(table.stdout).toMatch(/^pending +pip +some-name==1\.0 +[0-9a-f]{16} +\/.*$/m);
  // A flush is somebody's wish: the circuit that the failure opened does not stand in its way for long.
  expect(await worker.cli(['flush'])).toEqual({ code: 0, signal: undefined, stdout: '', stderr: '' });
  expect(await worker.rows()).toMatchObject([{ status: 'cached' }]);
  expect((await worker.cli([])).stdout).toMatch(/^cached +pip +some-name==1\.0 /m);
});

it('has JSON for programs', async () => {
  const { stdout } = await worker.cli(['status', '--json']);
  expect(JSON.parse(stdout)).toEqual({
    cache: worker.cache,
    entries: [
      {
        status: 'cached',
        ecosystem: 'pip',
        package: 'some-name',
        version: '1.0',
        platform: expect.stringMatching(/./),
        origin: expect.stringMatching(/^[0-9a-f]{16}$/),
        path: expect.stringContaining(worker.cache),
        bytes: expect.any(Number),
        lastUsed: expect.stringMatching(/Z$/),
      },
    ],
    totals: { cached: 1, bytes: expect.any(Number) },
    spooled: { jobs: 0, uploads: 0 },
  });
});

it('says what is wrong with its settings', async () => {
  const { code, stderr } = await worker.cli(['status'], { env: { PKG_CACHE_DIR: 'relative/path' } });
  expect(code).toBe(1);
  expect(stderr).toContain('PKG_CACHE_DIR: relative/path is not an absolute path');
});
