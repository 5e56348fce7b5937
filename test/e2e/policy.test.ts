import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NpmLab, removeModules } from './support/npm-lab.ts';
import { served } from './support/offline.ts';
import type { Worker } from './support/worker.ts';
import { startWorld, type World } from './support/world.ts';

const SET = ['ash==1.0', 'birch==1.0'];

let world: World;
let filled: Worker;

beforeAll(async () => {
  world = await startWorld({ store: true });
  for (const name of ['ash', 'birch']) world.wheel({ name, version: '1.0' });
  filled = world.worker();
  await filled.fill(await world.venv(), SET);
});

afterAll(async () => await world.stop());

const install = async (worker: Worker, env: Record<string, string> = {}): Promise<string[]> => {
  const { code, stdout, stderr } = await worker.pip(await world.venv(), ['install', ...SET], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return served(stdout);
};

it('what is blocked is not served, though it is in the cache', async () => {
  expect(await install(filled, { PKG_CACHE_BLOCKED: 'ash' })).toEqual(['birch==1.0']);
  expect(await install(filled, { PKG_CACHE_BLOCKED: 'ash==2.0' })).toEqual(SET);
});

it('what is blocked is not pulled, nor cached', async () => {
  const worker = world.worker({ PKG_CACHE_BLOCKED: 'ash' });
  expect(await install(worker)).toEqual(['birch==1.0']);
  await worker.settle();
  expect(await worker.cached()).toEqual(['birch==1.0']);
  expect(worker.log()).toContain('not cached: ash==1.0: blocked by the rule ash');
});

it('what is blocked is not uploaded, whoever cached it', async () => {
  world.wheel({ name: 'cedar', version: '1.0' });
  const worker = world.worker();
  const refused = { PKG_CACHE_STORE: 's3://fleet/x', AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' };
  await worker.pip(await world.venv(), ['install', 'cedar==1.0'], { env: refused });
  expect((await worker.cli(['flush'], { env: refused })).code).toBe(1);
  expect((await worker.cli(['flush'], { env: { PKG_CACHE_BLOCKED: 'cedar' } })).code).toBe(0);
  const other = world.worker();
  const { stdout } = await other.pip(await world.venv(), ['install', 'cedar==1.0']);
  expect(served(stdout)).toEqual([]);
});

it('what is not cachable is left alone, by name and by index', async () => {
  for (const rule of ['!ash !birch', `!${world.index.url}`, '!*']) {
    const worker = world.worker({ PKG_CACHE_CACHABLE: rule });
    expect(await install(worker)).toEqual([]);
    await worker.settle();
    expect(await worker.cached()).toEqual([]);
    expect(await install(filled, { PKG_CACHE_CACHABLE: rule })).toEqual([]);
  }
  expect(await install(filled, { PKG_CACHE_CACHABLE: `!* ${world.index.url}` })).toEqual(SET);
});

it('a disk that is too full gets nothing more', async () => {
  for (const env of [{ PKG_CACHE_MIN_FREE: '1000T' }, { PKG_CACHE_MAX_USED: '0' }]) {
    const worker = world.worker(env);
    expect(await install(worker)).toEqual([]);
    await worker.settle();
    expect(await worker.cached()).toEqual([]);
    expect(worker.log().join('\n')).toMatch(/^not cached: ash==1.0: ash is not added to the cache: the disk /m);
  }
});

it('a worker that only reads pulls, and uploads nothing', async () => {
  world.wheel({ name: 'dogwood', version: '1.0' });
  const reader = world.worker({ PKG_CACHE_READ_ONLY: 'on' });
  expect(await install(reader)).toEqual(SET);
  await reader.fill(await world.venv(), ['dogwood==1.0']);
  expect(await reader.rows()).toContainEqual(expect.objectContaining({ package: 'dogwood', status: 'cached' }));
  const { stdout } = await world.worker().pip(await world.venv(), ['install', 'dogwood==1.0']);
  expect(served(stdout)).toEqual([]);
});

it('offline, the store is not asked, and uploads wait', async () => {
  world.wheel({ name: 'elm', version: '1.0' });
  const worker = world.worker();
  expect(await install(worker, { PKG_CACHE_OFFLINE: 'on' })).toEqual([]);
  await worker.pip(await world.venv(), ['install', 'elm==1.0'], { env: { PKG_CACHE_OFFLINE: 'on' } });
  expect(await worker.cli(['flush'], { env: { PKG_CACHE_OFFLINE: 'on' } })).toMatchObject({ code: 1, stderr: expect.stringContaining('offline is on') });
  await worker.settle();
  const { stdout } = await world.worker().pip(await world.venv(), ['install', 'elm==1.0']);
  expect(served(stdout)).toEqual(['elm==1.0']);
});

describe('npm, by registry', () => {
  let lab: NpmLab;
  let project: string;
  let filled: Worker;
  const env = (rules: string): Record<string, string> => ({ PKG_CACHE_DIR: filled.cache, PKG_CACHE_CACHABLE: rules });

  beforeAll(async () => {
    lab = await NpmLab.start();
    lab.registry.publish({ name: 'oak', version: '1.0.0' });
    lab.registry.publish({ name: '@scope/elm', version: '1.0.0' });
    project = await lab.project({ dependencies: { oak: '1.0.0', '@scope/elm': '1.0.0' } });
    filled = await lab.filled(project);
  });

  afterAll(async () => await lab.stop());

  it.each([
    ['has the URL in its lockfile', false],
    ['leaves URLs out of its lockfile', true],
  ])('what may not come from the cache does not, in a project that %s', async (_name, without) => {
    if (without) {
      const path = join(project, 'package-lock.json');
      writeFileSync(path, readFileSync(path, 'utf8').replace(/^ *"resolved": .*\n/gm, ''));
      expect(await lab.npm(filled, project, ['ci'])).toMatchObject({ code: 0 });
      await filled.settle();
      removeModules(project);
    }
    const served = await lab.npm(filled, project, ['ci']);
    expect(served.stdout).toContain('pkg-cache: 2 from the cache');
    removeModules(project);
    const refused = await lab.npm(filled, project, ['ci'], env(`!${lab.registry.url}`));
    expect(refused).toMatchObject({ code: 0 });
    expect(refused.stdout).not.toContain('pkg-cache:');
    removeModules(project);
    // A rule about a package is stronger than one about where it comes from.
    const mixed = await lab.npm(filled, project, ['ci'], { ...env(`!${lab.registry.url} @scope/*`), npm_config_cache: join(lab.world.root, `npm-${Number(without)}`) });
    expect(mixed.stdout).toContain('pkg-cache: 1 from the cache');
    removeModules(project);
    const PATH = [filled.shims, lab.world.box.env['PATH']].join(':');
    const { code, stdout } = await filled.cli(['explain', '--', 'npm', 'ci'], { cwd: project, env: { ...lab.environment(filled.env), ...env(`!${lab.registry.url}`), PATH } });
    expect({ code, last: stdout.trimEnd().split('\n').at(-1) }).toEqual({ code: 1, last: expect.stringMatching(/^left to the real tool: @scope\/elm@1\.0\.0 is not cachable by the rule !http/) });
  });

  it('is not cached either', async () => {
    const worker = lab.world.worker({ PKG_CACHE_CACHABLE: `!${lab.registry.url}`, PKG_CACHE_STORE: undefined });
    await lab.npm(worker, project, ['ci']);
    await worker.settle();
    expect(await worker.rows()).toEqual([]);
  });
});
