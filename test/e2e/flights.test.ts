import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import { startFaultServer } from '../support/fault-server.ts';
import { startGate, type Gate } from './support/gate.ts';
import { served, until } from './support/offline.ts';
import { start, type Started } from './support/started.ts';
import { startWorld, type World } from './support/world.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld({ store: true });
});

afterAll(async () => await world.stop());

/** What the store knows of installs that are under way, or were. */
async function signs(): Promise<string[]> {
  const store = await openStore(world.store!, { env: world.s3!.env, circuit: memoryCircuit() });
  try {
    return (await store.list('v1/flights/')).objects.map(({ key }) => key);
  } finally {
    store.close();
  }
}

interface UnderWay {
  readonly pin: string;
  readonly gate: Gate;
  readonly first: Started;
  readonly second: Started;
}

let count = 0;

/** A worker whose pip is held up while it installs what nobody has, and a second one that misses the same and has begun to wait for it. */
async function underWay(env: Readonly<Record<string, string>> = {}): Promise<UnderWay> {
  const name = `fresh${count++}`;
  world.wheel({ name, version: '1' });
  const pin = `${name}==1`;
  const gate = await startGate(world.index.url, [name]);
  const install = async (more: object): Promise<Started> => {
    const worker = world.worker({ PIP_INDEX_URL: gate.url, ...more });
    return start('pip', ['install', '-v', pin], worker.environment(await world.venv()));
  };
  const before = (await signs()).length;
  const first = await install({});
  await gate.knock();
  await until(async () => (await signs()).length > before);
  return { pin, gate, first, second: await install(env) };
}

it('of two workers that miss the same one installs it, and the other takes it from the store', async () => {
  const { pin, gate, first, second } = await underWay();
  // The second one has to start, and to ask the store; pip is not asked for anything then.
  setTimeout(() => gate.open(), 3000);
  const [one, two] = [await first.ended, await second.ended];
  expect(one).toMatchObject({ code: 0 });
  expect(served(one.stdout)).toEqual([]);
  expect(two).toMatchObject({ code: 0 });
  expect(two.stdout).toContain('waiting for another worker');
  expect(served(two.stdout)).toEqual([pin]);
  await until(async () => (await signs()).some((key) => key.endsWith('.landed')));
  await gate.stop();
});

it('of workers that begin at the same moment all install, and whoever comes after waits for them', async () => {
  const name = `fresh${count++}`;
  world.wheel({ name, version: '1' });
  const gate = await startGate(world.index.url, [name]);
  const install = async (): Promise<Started> => start('pip', ['install', '-v', `${name}==1`], world.worker({ PIP_INDEX_URL: gate.url }).environment(await world.venv()));
  const before = (await signs()).length;
  const herd = await Promise.all([install(), install(), install()]);
  await gate.knock();
  await until(async () => (await signs()).length > before);
  const late = await install();
  setTimeout(() => gate.open(), 3000);
  for (const { ended } of herd) {
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(stdout).not.toContain('waiting for');
    expect(served(stdout)).toEqual([]);
  }
  const { code, stdout } = await late.ended;
  expect(code).toBe(0);
  expect(stdout).toContain('waiting for another worker');
  expect(served(stdout)).toEqual([`${name}==1`]);
  await gate.stop();
});

describe('who waits goes ahead', () => {
  it.each<[string, NodeJS.Signals]>([
    ['when the installer that it waits for is killed', 'SIGKILL'],
    ['when that one gives up', 'SIGINT'],
  ])('%s', async (_what, signal) => {
    const { pin, gate, first, second } = await underWay();
    setTimeout(() => process.kill(-first.pid, signal), 3000);
    expect((await first.ended).code).not.toBe(0);
    await gate.knock();
    gate.open();
    const { code, stdout } = await second.ended;
    expect(code).toBe(0);
    expect(stdout).toContain('waiting for another worker');
    expect(served(stdout)).toEqual([]);
    expect(stdout).toContain(`Successfully installed ${pin.replace('==', '-')}`);
    await gate.stop();
  });

  it('when the store goes away', async () => {
    const proxy = await startFaultServer('pass', { upstream: world.s3!.url });
    const { gate, first, second } = await underWay(proxy.env);
    await until(() => proxy.log.filter(({ path }) => path.includes('flights')).length > 2);
    await proxy.stop();
    await gate.knock();
    gate.open();
    expect(await second.ended).toMatchObject({ code: 0 });
    expect(await first.ended).toMatchObject({ code: 0 });
    await gate.stop();
  });

  it('at once where the operator wants no waiting', async () => {
    const { gate, first, second } = await underWay({ PKG_CACHE_WAIT_LIMIT: '0' });
    await gate.knock();
    gate.open();
    const { code, stdout } = await second.ended;
    expect(code).toBe(0);
    expect(stdout).not.toContain('waiting for');
    expect(await first.ended).toMatchObject({ code: 0 });
    await gate.stop();
  });
});
