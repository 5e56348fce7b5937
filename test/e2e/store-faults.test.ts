import { existsSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNUSABLE, startFaultServer, type Fault } from '../support/fault-server.ts';
import { run } from '../support/run.ts';
import { served, until } from './support/offline.ts';
import { packagesIn, type Tree } from './support/tree.ts';
import { startWorld, type World } from './support/world.ts';

const SET = ['ash==1', 'birch==1'];

let world: World;
let expected: Tree;

beforeAll(async () => {
  world = await startWorld({ store: true });
  for (const name of ['ash', 'birch', 'cedar']) world.wheel({ name, version: '1', files: { [`${name}/__init__.py`]: '', [`${name}/data.bin`]: new Uint8Array(20_000) } });
  await world.worker().fill(await world.venv(), [...SET, 'cedar==1']);
  const venv = await world.venv();
  await world.realPip(venv, ['install', ...SET]);
  expected = packagesIn(venv);
});

afterAll(async () => await world.stop());

describe('a store that fails costs one line, and then nothing is said of it', () => {
  it.each(UNUSABLE)('%s', async (fault) => {
    // What the background does beside them is its own affair.
    const asked: string[] = [];
    const note = ({ method, url = '' }: IncomingMessage): Fault => {
      if (method === 'GET' && url.includes('/v1/pip/')) asked.push(url);
      return fault;
    };
    const store = await startFaultServer(fault === 'refused' ? fault : note, { upstream: world.s3!.url });
    try {
      const worker = world.worker(store.env);
      const venv = await world.venv();
      const first = await worker.pip(venv, ['install', ...SET]);
      expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(/^pkg-cache: .*; going on without it\n$/) });
      expect(first.stderr).not.toContain(store.env['AWS_SECRET_ACCESS_KEY']);
      expect(packagesIn(venv)).toEqual(expected);
      expect(asked.some((url) => url.includes('ash'))).toBe(fault !== 'refused');
      const second = await worker.pip(await world.venv(), ['install', '-q', 'cedar==1']);
      expect(second).toMatchObject({ code: 0, stdout: '', stderr: '' });
      expect(asked.filter((url) => url.includes('cedar'))).toEqual([]);
    } finally {
      await store.stop();
    }
  });
});

describe('a store that lies is not believed', () => {
  it.each<[Fault, RegExp]>([
    ['flipped-bit', /\/v1\/pip\//],
    ['flipped-bit', /\/archives\//],
    ['short-length', /\/archives\//],
    ['login-page', /./],
  ])('%s of %s', async (fault, where) => {
    const store = await startFaultServer((req) => (req.method === 'GET' && where.test(req.url ?? '') ? fault : 'pass'), { upstream: world.s3!.url });
    try {
      const worker = world.worker(store.env);
      const venv = await world.venv();
      const outcome = await worker.pip(venv, ['install', ...SET]);
      expect(outcome).toMatchObject({ code: 0, stderr: expect.stringMatching(/^pkg-cache: .*\n$/) });
      expect(served(outcome.stdout)).toEqual([]);
      expect(packagesIn(venv)).toEqual(expected);
      await until(async () => (await worker.cached()).length === 2);
      const again = await worker.pip(await world.venv(), ['install', ...SET]);
      expect(again).toMatchObject({ code: 0, stderr: '' });
      expect(served(again.stdout)).toEqual(SET);
    } finally {
      await store.stop();
    }
  });

  it('and what it has in part is served in part', async () => {
    let bad: string | undefined;
    const isBad = (path: string): boolean => path.includes('/archives/') && path === (bad ??= path);
    const store = await startFaultServer((req) => (isBad(req.url ?? '') ? 'flipped-bit' : 'pass'), { upstream: world.s3!.url });
    try {
      const venv = await world.venv();
      const outcome = await world.worker(store.env).pip(venv, ['install', ...SET]);
      expect(outcome).toMatchObject({ code: 0, stderr: expect.stringMatching(/^pkg-cache: .*\n$/) });
      expect(served(outcome.stdout)).toHaveLength(1);
      expect(packagesIn(venv)).toEqual(expected);
    } finally {
      await store.stop();
    }
  });
});

it('uploading holds no pipe open', async () => {
  const store = await startFaultServer((req) => (req.method === 'PUT' || req.method === 'POST' ? 'black-hole' : 'pass'));
  try {
    const worker = world.worker(store.env);
    const venv = await world.venv();
    const { code, stdout } = await run('sh', ['-c', 'output=$(pip install cedar==1 2>&1) && echo "${output##*Successfully}"'], { env: worker.environment(venv) });
    expect({ code, stdout }).toEqual({ code: 0, stdout: ' installed cedar-1\n' });
    // The claim is held while there is background work: had the shell waited for that, there would be none any more.
    await until(() => existsSync(worker.backgroundClaim) && store.log.some(({ method }) => method === 'PUT'));
  } finally {
    await store.stop();
  }
});
