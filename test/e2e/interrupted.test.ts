import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFaultServer, type Fault } from '../support/fault-server.ts';
import { tryClaim } from '../../src/cache/claim.ts';
import { listDir } from '../../src/cache/sweep.ts';
import { sha256 } from '../../src/hash.ts';
import { startGate, type Gate } from './support/gate.ts';
import { served, until } from './support/offline.ts';
import { start } from './support/started.ts';
import { treeOf } from './support/tree.ts';
import { processesOf, startWorld, type World } from './support/world.ts';

let world: World;
let gate: Gate;

beforeAll(async () => {
  world = await startWorld({ store: true });
  for (const version of ['1', '2']) world.wheel({ name: 'ash', version, files: { 'ash/__init__.py': `v = ${version}\n`, [`ash/only_${version}.py`]: '' } });
  world.wheel({ name: 'birch', version: '1' });
  world.wheel({ name: 'heavy', version: '1', files: { 'heavy/__init__.py': '', 'heavy/data.bin': randomBytes(34 << 20) } });
  gate = await startGate(world.index.url, ['slow']);
});

afterAll(async () => {
  await gate.stop();
  await world.stop();
});

const signals = [['SIGINT'], ['SIGTERM'], ['SIGHUP']] as const;

describe('while the real pip is at work on the rest of a set', () => {
  it.each(signals)('%s: it ends as pip ends, and nothing was placed', async (signal) => {
    const env = { PIP_INDEX_URL: gate.url };
    const worker = world.worker(env);
    await worker.fill(await world.venv(), ['ash==2']);
    const venv = await world.venv();
    await world.realPip(venv, ['install', 'ash==1']);
    const before = treeOf(venv.dir);
    const args = ['install', 'ash==2', 'slow==1'];

    const real = start(join(venv.bin, 'pip'), args, { ...worker.env });
    await gate.knock();
    real.kill(signal);
    const expected = await real.ended;

    const shim = start('pip', args, worker.environment(venv));
    await gate.knock();
    expect(existsSync(join(venv.sitePackages, 'ash/only_2.py'))).toBe(false);
    shim.kill(signal);
    const outcome = await shim.ended;
    expect(served(outcome.stdout)).toEqual(['ash==2']);
    expect({ code: outcome.code, signal: outcome.signal, stderr: outcome.stderr }).toEqual({ code: expected.code, signal: expected.signal, stderr: expected.stderr });
    expect(treeOf(venv.dir)).toEqual(before);
  });
});

describe('while the store is waited for', () => {
  beforeAll(async () => await world.worker().fill(await world.venv(), ['heavy==1', 'birch==1']));

  it.each([
    ['SIGINT', 'heavy==1', 'stall'],
    ['SIGTERM', 'heavy==1', 'stall'],
    ['SIGTERM', 'birch==1', 'black-hole'],
  ] as [NodeJS.Signals, string, Fault][])('%s, of %s: it ends by that signal, and nothing was placed', async (signal, requirement, fault) => {
    const store = await startFaultServer((req) => ((req.url ?? '').includes('/archives/') ? fault : 'pass'), { upstream: world.s3!.url });
    try {
      const worker = world.worker(store.env);
      const venv = await world.venv();
      const before = treeOf(venv.dir);
      const shim = start('pip', ['install', requirement], worker.environment(venv));
      await until(() => store.log.some(({ path }) => path.includes('/archives/')));
      if (fault === 'stall') await until(() => listDir(join(worker.cache, 'v1/staging')).length > 0);
      shim.kill(signal);
      expect(await shim.ended).toMatchObject({ code: undefined, signal });
      expect(treeOf(venv.dir)).toEqual(before);
      expect(await worker.rows()).toEqual([]);
    } finally {
      await store.stop();
    }
  });
});

describe.skipIf(!existsSync('/proc/self/status'))('signals that the caller has ignored stay ignored', () => {
  const callers: [string, readonly NodeJS.Signals[], string, readonly string[]][] = [
    ['nohup', ['SIGHUP'], 'nohup', ['pip']],
    ['a trap', ['SIGHUP', 'SIGINT'], 'sh', ['-c', "trap '' HUP INT; exec pip \"$@\"", 'sh']],
  ];
  /** To all processes of the command, as a terminal that goes away does. */
  const send = (pid: number, signals: readonly NodeJS.Signals[]): void => signals.forEach((signal) => process.kill(-pid, signal));
  /** Whether the app of a worker has begun to look after signals: SIGHUP is the lowest bit of those that it catches. */
  const isListening = (pid: number): boolean => {
    try {
      const [command, status] = ['cmdline', 'status'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8')) as [string, string];
      return command.includes('pip-shielded') && /^SigCgt:.*[13579bdf]$/m.test(status);
    } catch {
      return false; // it has ended meanwhile
    }
  };

  it.each(callers)('by %s: while an install is served', async (_how, signals, command, args) => {
    const worker = world.worker();
    await worker.fill(await world.venv(), ['ash==2']);
    const venv = await world.venv();
    const claim = tryClaim(join(worker.cache, 'v1/claims', `env-${sha256(venv.sitePackages).slice(0, 32)}`))!;
    const shim = start(command, [...args, 'install', 'ash==2'], worker.environment(venv));
    await until(() => processesOf(worker.cache).some(isListening));
    send(shim.pid, signals);
    await sleep(500); // it hears of them while it waits for its turn
    claim.release();
    const { code, stdout } = await shim.ended;
    expect({ code, served: served(stdout) }).toEqual({ code: 0, served: ['ash==2'] });
    expect(existsSync(join(venv.sitePackages, 'ash/only_2.py'))).toBe(true);
  });

  it.each(callers)('by %s: while pip does its part, which is all of a set that is not all cached', async (_how, signals, command, args) => {
    const worker = world.worker({ PIP_INDEX_URL: gate.url });
    await worker.fill(await world.venv(), ['ash==2']);
    const venv = await world.venv();
    const shim = start(command, [...args, 'install', 'ash==2', 'slow==1'], worker.environment(venv));
    await gate.knock();
    expect(existsSync(join(venv.sitePackages, 'ash'))).toBe(false);
    send(shim.pid, signals);
    shim.kill('SIGTERM');
    expect(await shim.ended).toMatchObject({ code: undefined, signal: 'SIGTERM' });
  });
});

it('a background process that is killed in the middle loses nothing', async () => {
  let down = true;
  const store = await startFaultServer((req) => (down && req.method !== 'GET' ? 'black-hole' : 'pass'));
  try {
    const worker = world.worker(store.env);
    await worker.pip(await world.venv(), ['install', 'ash==2', 'birch==1']);
    await until(() => store.log.some(({ method, path }) => method !== 'GET' && !path.includes('/flights/')));
    const claim = JSON.parse(readFileSync(worker.backgroundClaim, 'utf8')) as { pid: number };
    process.kill(claim.pid, 'SIGKILL');
    await until(() => processesOf(worker.cache).length === 0);
    expect((await worker.rows()).map(({ status }) => status)).toEqual(['pending', 'pending']);
    down = false;
    expect(await worker.cli(['flush'])).toEqual({ code: 0, signal: undefined, stdout: '', stderr: '' });
    expect((await worker.rows()).map(({ status }) => status)).toEqual(['cached', 'cached']);
    const stored = world.worker({ ...store.env });
    expect(served((await stored.pip(await world.venv(), ['install', 'ash==2', 'birch==1'])).stdout)).toEqual(['ash==2', 'birch==1']);
  } finally {
    await store.stop();
  }
});

it.each(['SIGKILL', 'SIGTERM'] as const)('a real pip that was ended by %s leaves nothing to be cached', async (signal) => {
  const worker = world.worker({ PIP_INDEX_URL: gate.url });
  const venv = await world.venv();
  // The shim has become the real pip by the time that pip asks its index.
  const shim = start('pip', ['install', 'birch==1', 'slow==1'], worker.environment(venv));
  await gate.knock();
  shim.kill(signal);
  expect(await shim.ended).toMatchObject({ code: undefined, signal });
  await worker.settle();
  expect(await worker.cached()).toEqual([]);
  expect(await worker.rows()).toEqual([]);
});
