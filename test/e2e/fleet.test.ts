import { existsSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { offline, served, until } from './support/offline.ts';
import { start, type Started } from './support/started.ts';
import { startWorld, type World } from './support/world.ts';
import type { Worker } from './support/worker.ts';

let world: World;
let first: Worker;

const SET = ['alpha==1.0', 'beta==1.5', 'gamma==3'];

beforeAll(async () => {
  world = await startWorld({ store: true });
  world.wheel({ name: 'alpha', version: '1.0', requiresDist: ['beta>=1'], consoleScripts: ['alpha = alpha:main'] });
  world.wheel({ name: 'beta', version: '1.5' });
  world.wheel({ name: 'gamma', version: '3' });
  for (const name of ['delta', 'epsilon', 'eta', 'iota', 'kappa', 'zeta']) world.wheel({ name, version: '1' });
  first = world.worker();
  await first.fill(await world.venv(), SET);
});

afterAll(async () => await world.stop());

describe('a worker that starts', () => {
  it('says so and goes on where there is no snapshot, no store, or one that does not answer', async () => {
    expect(await world.worker().cli(['warm'])).toMatchObject({ code: 0, stdout: '', stderr: 'pkg-cache: no snapshot to warm up with\n' });
    expect(await world.worker().cli(['warm', '--strict'])).toMatchObject({ code: 1 });
    const without = await world.worker({ PKG_CACHE_STORE: undefined }).cli(['warm']);
    expect(without).toMatchObject({ code: 0, stdout: '' });
    expect(without.stderr).toMatch(/^pkg-cache: not warmed up: no store is configured .*\n$/);
    const unreachable = await world.worker({ AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' }).cli(['warm']);
    expect(unreachable).toMatchObject({ code: 0, stdout: '' });
    expect(unreachable.stderr).toMatch(/^pkg-cache: not warmed up: store .*\n$/);
  });

  it('makes no snapshot where it is to write nothing', async () => {
    expect(await first.cli(['snapshot', '--now'], { env: { PKG_CACHE_READ_ONLY: 'on' } })).toMatchObject({ code: 1, stdout: '', stderr: 'pkg-cache: this worker makes no snapshots: read_only is on\n' });
  });

  it('is hot after warming up, without the store and without the index', async () => {
    const made = await first.cli(['snapshot', '--now']);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toMatch(/^snapshot \d{8}T\d{6}Z of linux-\S+: 3 entries, \d/);
    expect((await first.cli(['status'])).stdout).toContain(`newest snapshot ${made.stdout.split(' ')[1]}`);

    const second = world.worker();
    const warm = await second.cli(['warm']);
    expect(warm).toMatchObject({ code: 0, stderr: '' });
    expect(warm.stdout).toMatch(/^snapshot \d{8}T\d{6}Z: 3 entries, /);
    expect(await second.cached()).toEqual(['alpha==1.0', 'beta==1.5', 'gamma==3']);

    const venv = await world.venv();
    const { code, stdout } = await offline(world, () => second.pip(venv, ['install', ...SET], { env: { PKG_CACHE_STORE: undefined } }));
    expect(code).toBe(0);
    expect(served(stdout)).toHaveLength(3);
    expect((await second.cli(['warm'])).stdout).toContain('0 entries, 0 B');
  });

  it('has what was stored after the snapshot, too; the line says so only where there is something', async () => {
    await world.worker().fill(await world.venv(), ['eta==1']);
    const late = world.worker();
    const { code, stdout, stderr } = await late.cli(['warm']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^snapshot \S+: 3 entries, .*\none by one: 1 brought down\n$/);
    expect(await late.cached()).toEqual(['alpha==1.0', 'beta==1.5', 'eta==1', 'gamma==3']);
    expect((await late.cli(['warm'])).stdout).not.toContain('one by one');
  });

  it('takes no more than max_size allows, and says so', async () => {
    const limited = world.worker({ PKG_CACHE_MAX_SIZE: '1' });
    const { code, stdout, stderr } = await limited.cli(['warm']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^snapshot \S+: 0 entries, .*; 3 left out: more than max_size allows\n$/);
    expect(await limited.cli(['sync', '--once'])).toMatchObject({ code: 0, stdout: '0 brought down, 0 stored\n' });
    expect(await limited.cached()).toEqual([]);
  });
});

it('warming up that is killed goes on where it was', async () => {
  world.wheel({ name: 'large', version: '1', files: { 'large/data.bin': 'x'.repeat(5_000_000) } });
  const builder = world.worker();
  await builder.fill(await world.venv(), [...SET, 'large==1']);
  expect(await builder.cli(['snapshot', '--now'])).toMatchObject({ code: 0 });
  const worker = world.worker();
  const slow = { ...worker.env, PKG_CACHE_SYNC_BANDWIDTH: '400k', PATH: [worker.shims, worker.env['PATH']].join(delimiter) };
  const warming = start('pkg-cache', ['warm'], slow);
  await sleep(2000);
  process.kill(-warming.pid, 'SIGKILL');
  expect(await warming.ended).toMatchObject({ signal: 'SIGKILL' });
  const before = (await worker.cached()).length;
  expect(before).toBeLessThan(4);
  expect(await worker.rows()).toContainEqual(expect.objectContaining({ status: 'stalled', package: 'large', version: '1' }));
  const again = await worker.cli(['warm']);
  expect(again).toMatchObject({ code: 0, stderr: '' });
  expect(again.stdout).toContain(`: ${4 - before} entries`);
  expect(await worker.cached()).toEqual(expect.arrayContaining([...SET, 'large==1']));
  expect(readdirSync(join(worker.cache, 'v1/staging'))).toEqual([]);
});

it('an install while its worker warms up has what it asks for at once, and what it brought does not come again', async () => {
  world.wheel({ name: 'last', version: '1', files: { 'last/data.bin': 'y'.repeat(5_000_000) } });
  const set = [...SET, 'last==1'];
  const builder = world.worker();
  await builder.fill(await world.venv(), set);
  expect(await builder.cli(['snapshot', '--now'])).toMatchObject({ code: 0 });
  const worker = world.worker();
  const venv = await world.venv();
  const warming = start('pkg-cache', ['warm'], { ...worker.env, PKG_CACHE_SYNC_BANDWIDTH: '200k', PATH: [worker.shims, worker.env['PATH']].join(delimiter) });
  let isWarming = true;
  void warming.ended.then(() => (isWarming = false));
  await until(() => existsSync(join(worker.cache, 'v1/staging')) && readdirSync(join(worker.cache, 'v1/staging')).length > 0);
  const { code, stdout } = await offline(world, () => worker.pip(venv, ['install', ...set]));
  expect({ code, served: served(stdout).sort(), isWarming }).toEqual({ code: 0, served: set, isWarming: true });
  process.kill(-warming.pid, 'SIGKILL');
  await warming.ended;
  expect((await worker.cached()).sort()).toEqual(set);
  expect((await worker.cli(['warm'])).stdout).toContain(': 0 entries, 0 B');
});

/** Every second or so. */
const OFTEN = { PKG_CACHE_SYNC_INTERVAL: '0.02' };

function daemon(worker: Worker, env: Readonly<Record<string, string>> = {}): Started {
  return start('pkg-cache', ['daemon'], { ...worker.env, ...env, PATH: [worker.shims, worker.env['PATH']].join(delimiter) });
}

/** The process that holds a claim. */
function holderOf(claim: string): number | undefined {
  try {
    return (JSON.parse(readFileSync(claim, 'utf8')) as { pid: number }).pid;
  } catch {
    return undefined;
  }
}

describe('a worker that lives', () => {
  it('says how far behind it is where the disk has no room', async () => {
    const full = world.worker({ PKG_CACHE_MIN_FREE: '1000T' });
    const behind = Number(/, (\d+) left out/.exec((await full.cli(['sync', '--once'])).stdout)?.[1]);
    expect(behind).toBeGreaterThanOrEqual(3);
    expect((await full.cli(['status'])).stdout).toContain(`(0 brought down, 0 stored, ${behind} behind)`);
    expect(JSON.parse((await full.cli(['status', '--json'])).stdout)).toMatchObject({ fleet: { behind } });
  });

  it('gets by hand what others have stored, and stores what was cached without a store', async () => {
    const alone = world.worker({ PKG_CACHE_STORE: undefined });
    await alone.fill(await world.venv(), ['delta==1']);
    const synced = await alone.cli(['sync', '--once'], { env: { PKG_CACHE_STORE: world.store } });
    expect(synced).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d brought down, 1 stored\n$/), stderr: '' });
    const other = world.worker();
    expect((await other.cli(['sync', '--once'])).stdout).toMatch(/^\d brought down, 0 stored\n$/);
    expect(await other.cached()).toEqual(await alone.cached());
    expect(await other.cached()).toEqual(expect.arrayContaining(['alpha==1.0', 'beta==1.5', 'delta==1', 'gamma==3']));
    expect((await other.cli(['sync', '--once'])).stdout).toBe('0 brought down, 0 stored\n');
  });

  it('has beside it a daemon, one per cache, that keeps it in step and ends when told to', async () => {
    const worker = world.worker(OFTEN);
    const [one, two] = [daemon(worker), daemon(worker)];
    await until(async () => (await worker.cached()).length >= 3);
    await first.fill(await world.venv(), ['epsilon==1']);
    await until(async () => (await worker.cached()).includes('epsilon==1'));
    const { stdout } = await offline(world, async () => await worker.pip(await world.venv(), ['install', 'epsilon==1']));
    expect(served(stdout)).toEqual(['epsilon==1']);
    one.kill('SIGTERM');
    two.kill('SIGTERM');
    const ended = [await one.ended, await two.ended];
    expect(ended).toMatchObject([{ code: 0, stdout: '' }, { code: 0, stdout: '' }]);
    const told = ended.map(({ stderr }) => stderr).sort();
    expect(told[0]).toMatch(/^pkg-cache: daemon: another background process is at work on this cache; waiting for its end\n/);
    expect(told[1]).toMatch(/^pkg-cache: daemon: at work\n[^]*^pkg-cache: sync: 1 brought down, 0 stored, 0 left out$/m);
  });

  it('has a daemon that goes on when nobody reads what it says any more', async () => {
    const worker = world.worker(OFTEN);
    const { ended, kill } = start('bash', ['-c', 'exec 2> >(read -r line); exec pkg-cache daemon'], { ...worker.env, PATH: [worker.shims, worker.env['PATH']].join(delimiter) });
    await until(async () => (await worker.cached()).length >= 3);
    await first.fill(await world.venv(), ['iota==1']);
    await until(async () => (await worker.cached()).includes('iota==1'));
    await first.fill(await world.venv(), ['kappa==1']);
    await until(async () => (await worker.cached()).includes('kappa==1'));
    kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
  });

  it('has a daemon that keeps the limits of the cache', async () => {
    const worker = world.worker({ ...OFTEN, PKG_CACHE_CLEAN_LIMIT: '0' });
    await worker.fill(await world.venv(), SET);
    const { ended, kill } = daemon(worker, { PKG_CACHE_CLEAN_LIMIT: '10', PKG_CACHE_MAX_SIZE: '1' });
    await until(() => worker.log().some((line) => line.includes('more than max_size')));
    kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
  });

  it('has one daemon at work, also after that was paused for so long that another has taken over', async () => {
    const worker = world.worker(OFTEN);
    const holder = (): number | undefined => holderOf(worker.backgroundClaim);
    const paused = daemon(worker);
    await until(() => holder() !== undefined);
    const pid = holder()!;
    process.kill(pid, 'SIGSTOP');
    utimesSync(worker.backgroundClaim, 1, 1);
    const other = daemon(worker);
    await until(() => ![pid, undefined].includes(holder()));
    process.kill(pid, 'SIGCONT');
    paused.kill('SIGTERM');
    expect(await paused.ended).toMatchObject({ code: 0 });
    expect([pid, undefined]).not.toContain(holder());
    other.kill('SIGTERM');
    expect(await other.ended).toMatchObject({ code: 0 });
  });

  it('without a daemon is brought in step after an install, once an interval has passed', async () => {
    const worker = world.worker(OFTEN);
    await worker.pip(await world.venv(), ['install', 'zeta==1']);
    await until(() => worker.log().some((line) => line.includes('uploaded zeta')));
    expect(await worker.cached()).toEqual(['zeta==1']);
    await sleep(1500);
    await worker.pip(await world.venv(), ['install', 'zeta==1']);
    await until(async () => (await worker.cached()).length >= 4);
  });
});
