import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryClaim } from '../../src/cache/claim.ts';
import { NpmLab, removeTreeCopies, shelvesOf } from '../e2e/support/npm-lab.ts';
import { treeOf, type Tree } from '../e2e/support/tree.ts';
import type { Env, Worker } from '../e2e/support/worker.ts';
import { endBackground, remove } from '../e2e/support/world.ts';
import { brokenEntries, keep, leftOvers } from './support/on-disk.ts';
import { runInjected, samplePoints, whyNoStrace } from './support/strace.ts';

const reason = whyNoStrace();
if (reason !== undefined) console.warn(`Nothing is killed: ${reason}`);

let lab: NpmLab;
let few: Fixture;
/** So many packages that a thread helps to place them. */
let many: Fixture;

/** A project with other versions in its node_modules. */
interface Fixture {
  readonly project: string;
  readonly before: Tree;
  readonly expected: Tree;
  readonly restore: () => void;
}

async function fixture(names: readonly string[]): Promise<Fixture> {
  for (const name of names) {
    for (const version of ['1.0.0', '2.0.0']) lab.registry.publish({ name, version, manifest: { bin: 'cli.js' }, files: { 'cli.js': '#!/usr/bin/env node\n', [`only-${version}/data.js`]: version } });
  }
  const [old, project] = (await Promise.all(['1.0.0', '2.0.0'].map((version) => lab.project({ dependencies: Object.fromEntries(names.map((name) => [name, version])) })))) as [string, string];
  const { tree } = await lab.reference(project);
  expect(await lab.realNpm(old, ['ci'])).toMatchObject({ code: 0 });
  renameSync(join(old, 'node_modules'), join(project, 'node_modules'));
  return { project, before: treeOf(project), expected: tree, restore: keep(project) };
}

beforeAll(async () => {
  lab = await NpmLab.start();
  few = await fixture(Array.from({ length: 24 }, (_, i) => `part-${i}`));
  many = await fixture(Array.from({ length: 320 }, (_, i) => `small-${i}`));
}, 300_000);

afterAll(() => lab?.stop());

/** The app as the shim calls it, but for the decision, which nobody waits for. */
function install(worker: Worker, mode: 'npm' | 'npm-continue'): { command: string[]; env: Env } {
  const app = /^pkgc_app='(.*)'$/m.exec(readFileSync(join(worker.shims, 'npm'), 'utf8'))![1]!;
  const real = execFileSync('sh', ['-c', 'command -v npm'], { env: lab.world.box.env, encoding: 'utf8' }).trim();
  return { command: ['sh', '-c', 'exec "$@" 3>/dev/null', 'sh', process.execPath, app, mode, real, 'ci'], env: lab.environmentOf(worker) };
}

interface Attack {
  readonly fixture: Fixture;
  readonly worker: Worker;
  readonly mode: 'npm' | 'npm-continue';
  readonly count: number;
  readonly since: RegExp;
  readonly threads: boolean;
  /** What happens to it: a signal that can be handled leaves the old tree or the new one. */
  readonly signal: 'KILL' | 'TERM';
  readonly prepare: () => void;
}

/** Ends an install at sampled points, and looks at what is left, and at what the next one makes of it, without a registry. */
async function attack({ fixture: { project, before, expected }, worker, mode, count, since, threads, signal, prepare }: Attack): Promise<void> {
  const { command, env } = install(worker, mode);
  prepare();
  const points = await samplePoints(command, { env, cwd: project }, count, { since, threads });
  expect(points.length).toBeGreaterThan(8);
  for (const point of points) {
    const at = `${signal} at ${point.call} ${point.when}`;
    await endBackground(worker.cache);
    prepare();
    await runInjected(point, `signal=${signal}`, command, { env, cwd: project }, { threads });
    const left = JSON.stringify(treeOf(project));
    if (signal === 'TERM') expect.soft({ at, isWhole: [before, expected].some((tree) => JSON.stringify(tree) === left) }).toEqual({ at, isWhole: true });
    const { code, stderr, stdout } = await lab.npm(worker, project, ['ci']);
    expect.soft({ at, code, stderr }, stdout).toEqual({ at, code: 0, stderr: '' });
    expect.soft({ at, tree: treeOf(project) }).toEqual({ at, tree: expected });
    await worker.settle();
    expect.soft({ at, broken: brokenEntries(worker.cache), left: leftOvers(worker.cache) }).toEqual({ at, broken: [], left: [] });
  }
}

describe.skipIf(reason !== undefined)('an npm ci that is ended', () => {
  it.each([
    ['KILL', 'of a tree'],
    ['KILL', 'of packages'],
    ['KILL', 'none'],
    ['TERM', 'of a tree'],
    ['TERM', 'of packages'],
    ['TERM', 'none'],
  ] as const)('by %s while it replaces a tree (ready copies: %s) is put right by the next one', async (signal, ready) => {
    await attackServed(few, ready, { count: 16, threads: false, signal });
  }, 600_000);

  it.each(['KILL', 'TERM'] as const)('by %s while a thread helps is put right by the next one', async (signal) => {
    await attackServed(many, 'none', { count: 10, threads: true, signal });
  }, 900_000);

  it.each(['signal=KILL', 'error=ENOSPC'])('%s in the background, while copies are made, leaves none that is wrong', async (what) => {
    const { project, restore, expected } = few;
    const { worker, restoreCache } = await served(few, 'of packages');
    const app = /^pkgc_app='(.*)'$/m.exec(readFileSync(join(worker.shims, 'npm'), 'utf8'))![1]!;
    const begin = async (): Promise<void> => {
      await endBackground(worker.cache);
      restore();
      restoreCache();
      const held = tryClaim(worker.backgroundClaim)!; // what is spooled now waits
      expect((await lab.npm(worker, project, ['ci'])).stdout).toContain('from the cache');
      await endBackground(worker.cache);
      held.release();
    };
    await begin();
    const command = [process.execPath, app, 'background'];
    const points = await samplePoints(command, { env: worker.env, cwd: '/' }, 20, { since: /v1\/ready\//, threads: false });
    expect(points.length).toBeGreaterThan(8);
    for (const point of points) {
      const at = `${point.call} ${point.when}`;
      await begin();
      await runInjected(point, what, command, { env: worker.env, cwd: '/' });
      await worker.settle();
      const { trees, packages } = shelvesOf(worker);
      const copies = [...trees, ...packages].flatMap((shelf) => readdirSync(shelf));
      expect.soft({ at, halves: copies.filter((name) => name.startsWith('.')) }).toEqual({ at, halves: [] });
      if (what === 'signal=KILL') expect.soft({ at, copies: copies.length }).toEqual({ at, copies: 25 });
      for (const round of ['tree', 'packages']) {
        if (round === 'packages') removeTreeCopies(worker);
        expect.soft((await lab.npm(worker, project, ['ci'])).stdout).toContain('from the cache');
        expect.soft({ at, round, tree: treeOf(project) }).toEqual({ at, round, tree: expected });
      }
    }
  }, 900_000);

  it('while it pulls from a store is put right by the next one', async () => {
    const { project, restore } = few;
    const store = join(lab.world.root, 'filled-store');
    mkdirSync(store);
    restore();
    await lab.filled(project, { PKG_CACHE_STORE: store });
    const worker = lab.world.worker({ PKG_CACHE_STORE: store });
    const prepare = (): void => (restore(), remove(worker.cache));
    await lab.withoutRegistry(() => attack({ fixture: few, worker, mode: 'npm-continue', count: 16, since: /filled-store/, threads: true, signal: 'KILL', prepare }));
  }, 600_000);
});

type Ready = 'of a tree' | 'of packages' | 'none';

/** Attacks installs that are served from the local cache. */
async function attackServed(fixture: Fixture, ready: Ready, how: Pick<Attack, 'count' | 'threads' | 'signal'>): Promise<void> {
  const { worker, restoreCache } = await served(fixture, ready);
  const prepare = (): void => (fixture.restore(), restoreCache());
  await lab.withoutRegistry(() => attack({ ...how, fixture, worker, mode: 'npm', since: /claims\/env-/, prepare }));
}

/** A worker that has served a project, and has the copies that the next install is to be served with. */
async function served({ project, restore }: Fixture, ready: Ready): Promise<{ worker: Worker; restoreCache: () => void }> {
  const worker = await lab.filled(project, { PKG_CACHE_STORE: undefined, PKG_CACHE_READY_COPIES: ready === 'none' ? 'off' : 'on' });
  await lab.npm(worker, project, ['ci']); // asks for copies
  await worker.settle();
  restore();
  await endBackground(worker.cache);
  if (ready === 'of packages') removeTreeCopies(worker);
  const { trees, packages } = shelvesOf(worker);
  expect({ trees: trees.length, packages: packages.length > 0 }).toEqual({ trees: ready === 'of a tree' ? 1 : 0, packages: ready !== 'none' });
  return { worker, restoreCache: keep(worker.cache) };
}
