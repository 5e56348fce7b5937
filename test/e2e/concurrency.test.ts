import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFaultServer } from '../support/fault-server.ts';
import type { Venv } from '../support/venv.ts';
import { offline, served } from './support/offline.ts';
import { packagesIn } from './support/tree.ts';
import { remove, startWorld, type World } from './support/world.ts';

const MANY = 16;

/** 16 real pips want a while on a small machine; in milliseconds. */
const LONG = 300_000;
const NAMES = ['ash', 'birch', 'cedar', 'elm'];
const SET = NAMES.map((name) => `${name}==1`);

let world: World;
let all: readonly Venv[];

beforeAll(async () => {
  world = await startWorld({ store: true });
  for (const name of [...NAMES, 'fir', 'oak']) world.wheel({ name, version: '1', files: { [`${name}/__init__.py`]: '', [`${name}/data.bin`]: new Uint8Array(50_000) } });
  all = await venvs(MANY);
});

afterAll(async () => await world.stop());

const venvs = async (count: number): Promise<Venv[]> => {
  const made: Venv[] = [];
  while (made.length < count) made.push(await world.venv());
  return made;
};

/** Takes out what a test has put in. */
const empty = ({ sitePackages }: Venv): void => {
  for (const path of Object.keys(packagesIn({ sitePackages })).filter((name) => !name.includes('/'))) remove(join(sitePackages, path));
};

it('many installs at once on an empty cache: each is right, and each package is cached and stored once', async () => {
  const worker = world.worker();
  const outcomes = await Promise.all(all.map((venv) => worker.pip(venv, ['install', ...SET])));
  expect(outcomes.map(({ code, stderr }) => ({ code, stderr }))).toEqual(all.map(() => ({ code: 0, stderr: '' })));
  const [venv] = await venvs(1);
  await world.realPip(venv!, ['install', ...SET]);
  const expected = packagesIn(venv!);
  for (const each of all) expect(packagesIn(each)).toEqual(expected);
  await worker.settle();
  const log = worker.log();
  for (const name of NAMES) {
    expect(log.filter((line) => line.startsWith(`cached ${name}==1`))).toHaveLength(1);
    expect(log.filter((line) => line === `uploaded ${name}==1`)).toHaveLength(1);
  }
  expect(await worker.cached()).toEqual(SET);
  expect((await worker.rows()).map(({ status }) => status)).toEqual(NAMES.map(() => 'cached'));
}, LONG);

it('many installs at once on a full store: each is right, and no archive is fetched twice', async () => {
  const proxy = await startFaultServer('pass', { upstream: world.s3!.url });
  try {
    const worker = world.worker(proxy.env);
    for (const each of all) empty(each);
    const outcomes = await Promise.all(all.map((venv) => worker.pip(venv, ['install', ...SET])));
    expect(outcomes.map(({ code }) => code)).toEqual(all.map(() => 0));
    // On a machine so busy that an answer takes seconds, a store counts as slow, and pip helps.
    for (const { stderr } of outcomes) expect(stderr).toMatch(/^(pkg-cache: .*no answer in time; going on without it\n)?$/);
    const expected = packagesIn(all[0]!);
    for (const each of all) expect(packagesIn(each)).toEqual(expected);
    const fetched = proxy.log.filter(({ method, path }) => method === 'GET' && path.includes('/archives/')).map(({ path }) => path.split('?')[0]);
    expect(fetched).toHaveLength(new Set(fetched).size);
    await worker.settle();
    expect((await worker.rows()).map(({ status }) => status)).toEqual(NAMES.map(() => 'cached'));
  } finally {
    await proxy.stop();
  }
}, LONG);

it('several installs into one environment: each finds its packages there', async () => {
  const worker = world.worker();
  await worker.fill((await venvs(1))[0]!, [...SET, 'fir==1', 'oak==1']);
  const [venv] = await venvs(1);
  const sets = [SET, ['fir==1', ...SET], ['oak==1'], SET];
  const outcomes = await offline(world, () => Promise.all(sets.map((set) => worker.pip(venv!, ['install', ...set]))));
  expect(outcomes.map(({ code, stderr }) => ({ code, stderr }))).toEqual(sets.map(() => ({ code: 0, stderr: '' })));
  const placed = outcomes.flatMap(({ stdout }) => served(stdout)).sort();
  expect(placed).toEqual([...SET, 'fir==1', 'oak==1'].sort());
  expect(await world.realPip(venv!, ['check'])).toMatchObject({ code: 0 });
  expect((await world.realPip(venv!, ['freeze'])).stdout.trim().split('\n').sort()).toEqual(placed);
});
