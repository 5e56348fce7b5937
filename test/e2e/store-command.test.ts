import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFaultServer } from '../support/fault-server.ts';
import { run } from '../support/run.ts';
import { NpmLab } from './support/npm-lab.ts';
import type { Worker } from './support/worker.ts';

let lab: NpmLab;

beforeAll(async () => {
  lab = await NpmLab.start();
  for (const [name, version] of [['ash', '1.0'], ['ash', '2.0'], ['birch', '1.0']] as const) lab.world.wheel({ name, version });
  lab.registry.publish({ name: 'oak', version: '1.0.0' });
  lab.registry.publish({ name: '@scope/elm', version: '1.0.0' });
});

afterAll(async () => await lab.stop());

/** A worker that has put pip's and npm's packages into a store. */
async function filled(store?: string): Promise<Worker> {
  const project = await lab.project({ dependencies: { oak: '1.0.0', '@scope/elm': '1.0.0' } });
  const worker = await lab.filled(project, store === undefined ? {} : { PKG_CACHE_STORE: store });
  await worker.fill(await lab.world.venv(), ['ash==1.0', 'birch==1.0']);
  await worker.fill(await lab.world.venv(), ['ash==2.0']);
  return worker;
}

interface Item {
  readonly package: string;
  readonly version: string;
  readonly key: string;
  readonly bytes?: number;
}

async function list(worker: Worker, ...args: string[]): Promise<Item[]> {
  return JSON.parse((await worker.cli(['store', 'ls', '--json', ...args])).stdout) as Item[];
}

const names = (items: readonly Item[]): string[] => items.map((item) => `${item.package} ${item.package === 'node_modules' ? '' : item.version}`.trim());

const EVERYTHING = ['ash 1', 'ash 2', 'birch 1', 'node_modules', '@scope/elm 1.0.0', 'oak 1.0.0'];

/** A directory as a store; each test has one of its own. */
function directory(name: string): string {
  const path = join(lab.world.root, name);
  mkdirSync(path);
  return path;
}

describe.each([['S3', () => undefined], ['a directory', () => directory('store')]])('with %s', (_kind, location) => {
  let worker: Worker;

  beforeAll(async () => {
    worker = await filled(location());
  }, 180_000);

  it('lists what is there, by name, ecosystem and platform', async () => {
    expect(names(await list(worker)).sort()).toEqual([...EVERYTHING].sort());
    expect(names(await list(worker, 'ash==1.0', 'npm:*elm'))).toEqual(['ash 1', '@scope/elm 1.0.0']);
    expect(names(await list(worker, '@scope/*'))).toEqual(['@scope/elm 1.0.0']);
    expect(names(await list(worker, '-e', 'pip'))).toEqual(['ash 1', 'ash 2', 'birch 1']);
    expect(names(await list(worker, '-p', 'cpython'))).toEqual(['ash 1', 'ash 2', 'birch 1']);
    expect((await worker.cli(['store', 'ls', 'no-such'])).code).toBe(1);
    const { stdout } = await worker.cli(['store', 'ls', '-l', 'birch']);
    expect(stdout).toMatch(/^tool package .*\npip +birch==1 +[\d.]+ kB +just now [0-9a-f]{16} +cpython-\S+\n1 entry in /);
  });

  it('adds up what it takes', async () => {
    const { rows, total } = JSON.parse((await worker.cli(['store', 'du', '--json'])).stdout) as { rows: { what: string; platform: string; count: number; bytes: number }[]; total: { bytes: number } };
    expect(rows.map(({ what, count }) => [what, what === 'journal' ? 0 : count])).toEqual([['npm', 2], ['npm', 1], ['pip', 3], ['journal', 0]]);
    expect(total.bytes).toBe(rows.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(rows.every(({ bytes }) => bytes > 0)).toBe(true);
    expect((await worker.cli(['store', 'du', '-e', 'pip'])).stdout).toMatch(/^pip +3 +[\d.]+ kB {2}cpython-\S+$/m);
  });

  it('finds nothing damaged', async () => {
    expect(await worker.cli(['verify', '--store'])).toMatchObject({ code: 0, stdout: '6 checked, 0 damaged\n' });
  });

  it('removes what is named, and what only that led to', async () => {
    expect(await worker.cli(['store', 'rm', 'ash==1.0', '--dry-run'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/\nwould remove 1 entry, [\d.]+ kB, from .*\n$/) });
    expect(await worker.cli(['store', 'rm', 'ash==1.0'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    expect(await list(worker)).toHaveLength(6);
    expect(await worker.cli(['store', 'rm', 'ash==1.0', 'oak', '--yes'])).toMatchObject({ code: 0 });
    expect(names(await list(worker)).sort()).toEqual(EVERYTHING.filter((name) => name !== 'ash 1' && name !== 'oak 1.0.0').sort());
    expect((await worker.cli(['store', 'du'])).stdout).not.toContain('without a pointer');
    expect(await worker.cli(['store', 'rm', 'ash==1.0', '--yes'])).toMatchObject({ code: 1 });
    expect(await worker.cli(['store', 'rm', '--yes'])).toMatchObject({ code: 2 });
    // Another worker has a miss, and the rest still hits.
    const other = lab.world.worker({ PKG_CACHE_STORE: worker.env['PKG_CACHE_STORE'] });
    const { stdout } = await other.pip(await lab.world.venv(), ['install', 'ash==2.0', 'birch==1.0']);
    expect(stdout).toMatch(/ash==2\.0.*\(store\)/);
    expect((await other.pip(await lab.world.venv(), ['install', 'ash==1.0'])).stdout).not.toMatch(/\((store|cached)\)/);
  });
});

it('asks on a terminal', async () => {
  const store = directory('asked');
  const worker = await filled(store);
  const PATH = [worker.shims, worker.env['PATH']].join(delimiter);
  const ask = (answer: string) => run('script', ['-qec', 'pkg-cache store rm birch', '/dev/null'], { env: { ...worker.env, PATH }, input: `${answer}\n` });
  expect(await ask('n')).toMatchObject({ code: 1, stdout: expect.stringMatching(/Remove 1 entry, [\d.]+ kB, from .*\? \[y\/N\]/) });
  expect(names(await list(worker, 'birch'))).toEqual(['birch 1']);
  expect(await ask('y')).toMatchObject({ code: 0, stdout: expect.stringContaining('removed 1 entry') });
  expect(await list(worker, 'birch')).toEqual([]);
});

describe('what is damaged, or of no use', () => {
  let worker: Worker;
  let store: string;

  const files = (below: string): string[] => readdirSync(join(store, below), { recursive: true, withFileTypes: true }).filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
  const age = (path: string, days: number): void => utimesSync(path, Date.now() / 1000 - days * 86_400, Date.now() / 1000 - days * 86_400);

  beforeAll(async () => {
    store = directory('damaged');
    worker = await filled(store);
  }, 180_000);

  it('is found, and removed if that is asked for, so that it can be stored anew', async () => {
    const [original] = files('v1/originals');
    const archive = files('v1/archives').find((path) => readFileSync(path).includes('birch/__init__.py'))!;
    for (const path of [original!, archive]) {
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(path, bytes);
    }
    const told = await worker.cli(['verify', '--store']);
    expect(told).toMatchObject({ code: 1, stdout: expect.stringMatching(/^damaged birch==1 \(v1\/pip\/.*its bytes are not those of its hash$/m) });
    expect(told.stdout).toMatch(/\n6 checked, 2 damaged\n$/);
    expect(existsSync(archive)).toBe(true);
    expect(await worker.cli(['verify', '--store', '--remove'])).toMatchObject({ code: 1, stdout: expect.stringContaining('; removed\n') });
    expect(existsSync(archive)).toBe(false);
    expect(await worker.cli(['verify', '--store'])).toMatchObject({ code: 0, stdout: '4 checked, 0 damaged\n' });
  });

  it('goes with gc, once nobody can be at work on it any more', async () => {
    const [pointer] = files('v1/pip').filter((path) => path.includes('/ash/'));
    rmSync(pointer!);
    writeFileSync(join(store, 'v1/pip', pointer!.split('/v1/pip/')[1]!.replace(/[^/]+$/, '3')), 'nonsense');
    mkdirSync(join(store, 'v1/doctor'), { recursive: true });
    writeFileSync(join(store, 'v1/doctor/left'), '');
    expect((await worker.cli(['store', 'gc', '--dry-run'])).stdout).toMatch(/^would remove 0 objects/);
    for (const path of files('v1')) age(path, 2);
    const told = await worker.cli(['store', 'gc', '--dry-run']);
    for (const why of ['no pointer leads to it', 'damaged', 'left by doctor']) expect(told.stdout).toContain(why);
    const lasting = (): string[] => files('v1').filter((path) => !path.includes('/v1/flights/')); // which only installs of more than 3 s leave
    const before = lasting();
    expect(before).toContain(join(store, 'v1/doctor/left'));
    expect(await worker.cli(['store', 'gc'])).toMatchObject({ code: 2 });
    expect(await worker.cli(['store', 'gc', '--yes'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/\nremoved 3 objects/) });
    expect(lasting()).toHaveLength(before.length - 3);
    expect(await worker.cli(['verify', '--store'])).toMatchObject({ code: 0 });
  });

  it('and what nobody uses', async () => {
    for (const path of files('v1')) age(path, 100);
    for (const path of files('v1/journal')) rmSync(path);
    expect(await worker.cli(['store', 'gc', '--unused', '30', '--dry-run'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/; [1-9]\d* unused entries/) });
    expect((await list(worker)).length).toBeGreaterThan(0);
    expect(await worker.cli(['store', 'gc', '--unused', '30', '--yes'])).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing counts as unused') as string });
    expect(await worker.cli(['store', 'gc', '--unused', '30', '--yes'], { env: { PKG_CACHE_ALL_RECORD_USE: 'on' } })).toMatchObject({ code: 0 });
    expect(await list(worker)).toEqual([]);
  });
});

it('says so where there is no store', async () => {
  expect(await lab.world.worker({ PKG_CACHE_STORE: undefined }).cli(['store', 'ls'])).toMatchObject({ code: 1, stderr: expect.stringContaining('no store is configured') });
});

it.each(['not-implemented', 'forbidden'] as const)('gc does the rest where listing unfinished uploads is %s', async (fault) => {
  const worker = lab.world.worker();
  const server = await startFaultServer((req) => (req.url?.includes('uploads=') === true ? fault : 'pass'), { upstream: worker.env['AWS_ENDPOINT_URL_S3']! });
  const gone = await worker.cli(['store', 'gc', '--yes'], { env: { AWS_ENDPOINT_URL_S3: server.url } });
  await server.stop();
  expect(gone).toMatchObject({ code: 0, stdout: expect.stringMatching(/^abandoned uploads stay: .*\nremoved 0 objects/s) });
});
