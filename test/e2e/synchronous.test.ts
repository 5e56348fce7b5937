import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFaultServer } from '../support/fault-server.ts';
import { NpmLab } from './support/npm-lab.ts';
import { start } from './support/started.ts';
import type { Worker } from './support/worker.ts';

let lab: NpmLab;

beforeAll(async () => {
  lab = await NpmLab.start();
  for (const name of ['ash', 'birch']) lab.world.wheel({ name, version: '1.0' });
  lab.registry.publish({ name: 'oak', version: '1.0.0' });
});

afterAll(async () => await lab.stop());

const synchronous = (more: Readonly<Record<string, string>> = {}): Worker => lab.world.worker({ PKG_CACHE_SYNCHRONOUS: 'on', ...more });

/** What is there, whoever would still have to do something. */
async function statuses(worker: Worker): Promise<string[]> {
  return (await worker.rows()).map((row) => `${row.status} ${row.package}`).sort();
}

it('pip ends when what it brought is cached, and stored', async () => {
  const worker = synchronous();
  expect(await worker.pip(await lab.world.venv(), ['install', 'ash==1.0'])).toMatchObject({ code: 0, stderr: '' });
  expect(await statuses(worker)).toEqual(['cached ash']);
  expect((await lab.world.worker().pip(await lab.world.venv(), ['install', 'ash==1.0'])).stdout).toContain('(store)');
  // A part of the set is there.
  expect(await worker.pip(await lab.world.venv(), ['install', 'ash==1.0', 'birch==1.0'])).toMatchObject({ code: 0, stderr: '' });
  expect(await statuses(worker)).toEqual(['cached ash', 'cached birch']);
  expect((await worker.pip(await lab.world.venv(), ['install', 'ash==1.0', 'birch==1.0'])).stdout).toContain('birch==1.0 (cached)');
  const { days } = JSON.parse((await worker.cli(['stats', '--json'])).stdout) as { days: object[] };
  expect(days).toMatchObject([{ installs: 3, served: 1 }]);
});

it('npm ends when what it brought is cached, and stored', async () => {
  const worker = synchronous();
  const project = await lab.project({ dependencies: { oak: '1.0.0' } });
  expect(await lab.npm(worker, project, ['ci'])).toMatchObject({ code: 0 });
  expect(await statuses(worker)).toEqual(['cached node_modules', 'cached oak']);
});

it('ends as the tool ends, and waits for nothing where it has failed', async () => {
  const worker = synchronous();
  expect(await worker.pip(await lab.world.venv(), ['install', 'no-such==1.0'])).toMatchObject({ code: 1 });
  expect(await worker.rows()).toEqual([]);
});

it('is not held up for ever by a store that is down, nor made to fail', async () => {
  const refused = await startFaultServer('refused');
  const worker = synchronous(refused.env);
  const outcome = await worker.pip(await lab.world.venv(), ['install', 'ash==1.0']);
  expect(outcome).toMatchObject({ code: 0, stderr: expect.stringContaining('1 not stored yet') });
  expect(await statuses(worker)).toEqual(['pending ash']);
});

it('can be interrupted', async () => {
  const silent = await startFaultServer('black-hole');
  const worker = synchronous({ ...silent.env });
  const venv = await lab.world.venv();
  const started = start(join(worker.shims, 'pip'), ['install', 'ash==1.0', '--no-deps'], worker.environment(venv));
  while (!(await worker.rows()).some((row) => row.status === 'pending')) await new Promise((resolve) => setTimeout(resolve, 100));
  started.kill('SIGTERM');
  expect((await started.ended).signal).toBe('SIGTERM');
  await silent.stop();
});
