import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endBackground, startWorld, type World } from '../e2e/support/world.ts';
import type { Worker } from '../e2e/support/worker.ts';
import { brokenEntries, keep, leftOvers, storedIn } from './support/on-disk.ts';
import { runInjected, samplePoints, whyNoStrace } from './support/strace.ts';

const reason = whyNoStrace();
if (reason !== undefined) console.warn(`Nothing is killed: ${reason}`);

const SET = ['ash==2', 'birch==1', 'cedar==1'];

/** Hundreds of commands, most of them under strace; in milliseconds. */
const LONG = 1_800_000;

/** Points at which each command is killed. */
const POINTS = 12;

let world: World;
let app: string;

beforeAll(async () => {
  world = await startWorld();
  world.wheel({ name: 'ash', version: '2', files: { 'ash/__init__.py': 'v = 2\n' }, consoleScripts: ['ash = ash:main'] });
  world.wheel({ name: 'birch', version: '1' });
  world.wheel({ name: 'cedar', version: '1', files: { 'cedar/__init__.py': '', 'cedar/data.bin': new Uint8Array(3 << 20).fill(7) } });
  app = /^pkgc_app='(.*)'$/m.exec(readFileSync(join(world.worker().shims, 'pip'), 'utf8'))![1]!;
});

afterAll(async () => await world?.stop());

let made = 0;

/** A store in a directory, and a worker that has these packages; `stored`: so has the store. */
async function filled(set: readonly string[], stored: boolean): Promise<{ store: string; worker: Worker }> {
  const store = join(world.root, `store-${made++}`);
  mkdirSync(store);
  const worker = world.worker({ PKG_CACHE_STORE: stored ? store : undefined });
  await worker.fill(await world.venv(), set);
  return { store, worker: world.worker({ PKG_CACHE_STORE: store, PKG_CACHE_DIR: worker.cache }) };
}

/** Kills `pkg-cache ARG…` at points from all over its work, each time from the same start, and looks what comes of it. */
async function survives(worker: Worker, store: string, args: readonly string[], after: (at: string) => Promise<void>): Promise<void> {
  const command = [process.execPath, app, 'pkg-cache', ...args];
  mkdirSync(worker.cache, { recursive: true });
  await endBackground(worker.cache);
  const restore = keep(worker.cache, store);
  const points = await samplePoints(command, { env: worker.env, cwd: '/' }, POINTS, { since: new RegExp(`${store}|${worker.cache}/v1/(?:staging|spool|claims)`), threads: true });
  expect(points.length).toBeGreaterThan(8);
  for (const point of points) {
    await endBackground(worker.cache);
    restore();
    await runInjected(point, 'signal=KILL', command, { env: worker.env, cwd: '/' }, { threads: true });
    await after(`killed at ${point.call} ${point.when}`);
  }
}

async function assertWhole(at: string, worker: Worker): Promise<void> {
  await worker.settle();
  expect.soft({ at, cached: await worker.cached(), broken: brokenEntries(worker.cache), left: leftOvers(worker.cache) }).toEqual({ at, cached: SET, broken: [], left: [] });
}

describe.skipIf(reason !== undefined)('killed at any step', () => {
  it('a sync, both ways, is finished by the next one, and others learn of all', async () => {
    const { store } = await filled(SET.slice(0, 2), true);
    const { worker: alone } = await filled(SET.slice(2), false);
    const worker = world.worker({ PKG_CACHE_STORE: store, PKG_CACHE_DIR: alone.cache });
    await survives(worker, store, ['sync', '--once'], async (at) => {
      expect.soft({ at, ...(await worker.cli(['sync', '--once'])) }).toMatchObject({ at, code: 0, stderr: '' });
      await assertWhole(at, worker);
      expect.soft({ at, stored: storedIn(worker.cache, store) }).toEqual({ at, stored: SET });
      const other = world.worker({ PKG_CACHE_STORE: store });
      await other.cli(['sync', '--once']);
      expect.soft({ at, other: await other.cached() }).toEqual({ at, other: SET });
    });
  }, LONG);

  it('making a snapshot leaves none or a whole one, and the next one can be made', async () => {
    const { store, worker } = await filled(SET, false);
    await survives(worker, store, ['snapshot', '--now'], async (at) => {
      const early = world.worker({ PKG_CACHE_STORE: store });
      const warmed = await early.cli(['warm']);
      const cached = await early.cached();
      expect.soft({ at, code: warmed.code, stderr: warmed.stderr, cached }).toEqual({ at, code: 0, ...(cached.length > 0 ? { stderr: '', cached: SET } : { stderr: 'pkg-cache: no snapshot to warm up with\n', cached: [] }) });
      await sleep(1100); // two of the same second have the same name
      expect.soft({ at, ...(await worker.cli(['snapshot', '--now'])) }).toMatchObject({ at, code: 0, stderr: '' });
      const late = world.worker({ PKG_CACHE_STORE: store });
      await late.cli(['warm']);
      await assertWhole(at, late);
    });
  }, LONG);

  it('warming up goes on where it was', async () => {
    const { store, worker: builder } = await filled(SET, true);
    expect(await builder.cli(['snapshot', '--now'])).toMatchObject({ code: 0 });
    const worker = world.worker({ PKG_CACHE_STORE: store });
    await survives(worker, store, ['warm'], async (at) => {
      expect.soft({ at, broken: brokenIfAny(worker) }).toEqual({ at, broken: [] });
      expect.soft({ at, ...(await worker.cli(['warm', '--strict'])) }).toMatchObject({ at, code: 0, stderr: '' });
      await assertWhole(at, worker);
    });
  }, LONG);
});

/** Of a cache that may have nothing in it yet. */
function brokenIfAny(worker: Worker): string[] {
  try {
    return brokenEntries(worker.cache);
  } catch {
    return [];
  }
}
