import { mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryClaim } from '../../src/cache/claim.ts';
import { Spool } from '../../src/fleet/spool.ts';
import { LocalCache } from '../../src/cache/local.ts';
import { claimOfBackground } from '../../src/fleet/start.ts';
import { treeOf, type Tree } from '../e2e/support/tree.ts';
import { endBackground, remove, startWorld, type World } from '../e2e/support/world.ts';
import type { Worker } from '../e2e/support/worker.ts';
import type { Venv } from '../support/venv.ts';
import { brokenEntries, keep, leftOvers, storedIn } from './support/on-disk.ts';
import { runInjected, samplePoints, whyNoStrace, type Point } from './support/strace.ts';

const reason = whyNoStrace();
if (reason !== undefined) console.warn(`Nothing is killed: ${reason}`);

const SET = ['ash==2', 'birch==1', 'cedar==1'];

let world: World;
let app: string;

beforeAll(async () => {
  world = await startWorld();
  for (const version of ['1', '2']) {
    world.wheel({
      name: 'ash',
      version,
      files: { 'ash/__init__.py': `v = ${version}\n`, [`ash/only_${version}.py`]: '', [`ash/v${version}/__init__.py`]: '', 'ash/sub/mod.py': `v = ${version}\n`, 'shared.py': '' },
      consoleScripts: ['ash = ash:main', `ash-${version} = ash:main`],
      data: { data: { 'share/ash/text': version }, scripts: { 'ash-tool': '#!python\n' } },
    });
  }
  world.wheel({ name: 'birch', version: '1', files: { 'birch/__init__.py': '', 'forest/birch.py': '' } });
  world.wheel({ name: 'cedar', version: '1', files: { 'cedar/__init__.py': '', 'forest/cedar.py': '', 'cedar/data.bin': new Uint8Array(3 << 20).fill(7) } });
  app = /^pkgc_app='(.*)'$/m.exec(readFileSync(join(world.worker().shims, 'pip'), 'utf8'))![1]!;
});

afterAll(async () => await world?.stop());

/** The app as the shim calls it, but for the decision, which nobody waits for. */
const node = (...args: readonly string[]): string[] => ['sh', '-c', 'exec "$@" 3>/dev/null', 'sh', process.execPath, app, ...args];

/** Kills the app at each of the points, and looks at what is left and what comes of it. */
async function killAt(points: readonly Point[], command: readonly string[], env: Worker['env'], threads: boolean, around: { before: () => void; after: (at: string) => Promise<void> }): Promise<void> {
  expect(points.length).toBeGreaterThan(8);
  for (const point of points) {
    await endBackground(env['PKG_CACHE_DIR']!);
    around.before();
    await runInjected(point, 'signal=KILL', command, { env, cwd: '/' }, { threads });
    await around.after(`killed at ${point.call} ${point.when}`);
  }
}

describe.skipIf(reason !== undefined)('an install that is killed', () => {
  const install = (venv: Venv): string[] => node('pip', join(venv.bin, 'pip'), 'install', ...SET);

  /** An environment with another version in it, and what the real pip makes of it. */
  async function oldVenv(): Promise<{ venv: Venv; expected: Tree; restore: () => void }> {
    const venv = await world.venv();
    await world.realPip(venv, ['install', 'ash==1', 'birch==1']);
    const restore = keep(venv.dir);
    await world.realPip(venv, ['install', ...SET]);
    const expected = treeOf(venv.dir);
    restore();
    return { venv, expected, restore };
  }

  /** The next install puts it right, without an index. */
  async function assertRepaired(at: string, worker: Worker, venv: Venv, expected: Tree): Promise<void> {
    const { code, stdout, stderr } = await worker.pip(venv, ['install', ...SET]);
    expect.soft({ at, code, stderr }, stdout).toEqual({ at, code: 0, stderr: '' });
    expect.soft({ at, tree: treeOf(venv.dir) }).toEqual({ at, tree: expected });
    await worker.settle();
    expect.soft({ at, broken: brokenEntries(worker.cache), left: leftOvers(worker.cache) }).toEqual({ at, broken: [], left: [] });
  }

  it.each(['on', 'off'])('while it replaces another version (ready copies %s) is put right by the next one', async (ready) => {
    const worker = world.worker({ PKG_CACHE_READY_COPIES: ready });
    await worker.fill(await world.venv(), SET);
    await worker.fill(await world.venv(), SET);
    const { venv, expected, restore } = await oldVenv();
    await endBackground(worker.cache);
    const restoreCache = keep(worker.cache);
    const before = (): void => (restore(), restoreCache());
    const env = worker.environment(venv);
    await world.index.down();
    try {
      const points = await samplePoints(install(venv), { env, cwd: '/' }, ready === 'on' ? 20 : 10, { since: /claims\/env-/ });
      await killAt(points, install(venv), env, false, { before, after: (at) => assertRepaired(at, worker, venv, expected) });
    } finally {
      await world.index.up();
    }
  });

  it('while it pulls from a store is put right by the next one', async () => {
    const store = join(world.root, 'filled-store');
    mkdirSync(store);
    await world.worker({ PKG_CACHE_STORE: store }).fill(await world.venv(), SET);
    const worker = world.worker({ PKG_CACHE_STORE: store });
    const { venv, expected, restore } = await oldVenv();
    const before = (): void => (restore(), remove(worker.cache));
    const env = worker.environment(venv);
    await world.index.down();
    try {
      const points = await samplePoints(install(venv), { env, cwd: '/' }, 12, { since: /filled-store/, threads: true });
      await killAt(points, install(venv), env, true, { before, after: (at) => assertRepaired(at, worker, venv, expected) });
    } finally {
      await world.index.up();
    }
  });
});

describe.skipIf(reason !== undefined)('a background process that is killed', () => {
  /** A worker whose spool is full, because nobody was let at it; what has to come of it; and the way back to that state. */
  async function spooled(cacheDir: string, fill: (worker: Worker, spool: Spool) => Promise<void>): Promise<{ worker: Worker; store: string; before: () => void }> {
    const store = `${cacheDir}-store`;
    mkdirSync(store);
    const worker = world.worker({ PKG_CACHE_DIR: cacheDir, PKG_CACHE_STORE: store });
    const cache = new LocalCache(cacheDir);
    const claim = tryClaim(claimOfBackground(cache))!;
    await fill(worker, new Spool(cache));
    claim.release();
    return { worker, store, before: keep(worker.cache, store) };
  }

  /** `flush` does what is left, once. */
  async function assertFlushed(at: string, worker: Worker, store: string): Promise<void> {
    expect.soft({ at, ...(await worker.cli(['flush'])) }).toEqual({ at, code: 0, signal: undefined, stdout: '', stderr: '' });
    expect.soft({ at, cached: await worker.cached(), broken: brokenEntries(worker.cache), left: leftOvers(worker.cache) }).toEqual({ at, cached: SET, broken: [], left: [] });
    expect.soft({ at, stored: storedIn(worker.cache, store) }).toEqual({ at, stored: SET });
  }

  async function survives({ worker, store, before }: Awaited<ReturnType<typeof spooled>>, count: number, since: RegExp): Promise<void> {
    before();
    const command = node('background');
    const points = await samplePoints(command, { env: worker.env, cwd: '/' }, count, { since, threads: true });
    await killAt(points, command, worker.env, true, { before, after: (at) => assertFlushed(at, worker, store) });
    const other = world.worker({ PKG_CACHE_STORE: store });
    const { code, stdout } = await other.pip(await world.venv(), ['install', ...SET]);
    expect({ code, served: stdout.match(/\(store\)$/gm)?.length }).toEqual({ code: 0, served: SET.length });
  }

  it('while it collects, stores and prepares leaves nothing undone that flush does not do', async () => {
    const state = await spooled(join(world.root, 'spooled'), async (worker) => {
      const venv = await world.venv();
      expect((await worker.pip(venv, ['install', ...SET])).code).toBe(0);
    });
    await survives(state, 18, /spool/);
  });

  it('while it stores what was cached before leaves nothing undone either', async () => {
    const filled = world.worker();
    await filled.fill(await world.venv(), SET);
    const state = await spooled(filled.cache, async (worker, spool) => {
      for (const { path } of await worker.rows()) spool.addUpload(basename(path));
    });
    await survives(state, 12, /uploads/);
  });
});
