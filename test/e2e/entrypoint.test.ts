import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, realpathSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type Outcome } from '../support/run.ts';
import { startWorld, type World } from './support/world.ts';
import type { Worker } from './support/worker.ts';

const SOMEBODY = ['--reuid', '1000', '--regid', '1000', '--clear-groups'];
const canMount = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt'], { stdio: 'ignore' }).status === 0;
const canBeSomebody = spawnSync('setpriv', [...SOMEBODY, process.execPath, '--version'], { stdio: 'ignore' }).status === 0;

/** An entrypoint as docs/fleet.md has it. */
const ENTRYPOINT = 'pkg-cache warm && exec echo began';

let world: World;

beforeAll(async () => {
  world = await startWorld({ store: true });
  world.wheel({ name: 'ash', version: '1' });
  const builder = world.worker();
  await builder.fill(await world.venv(), ['ash==1']);
  expect(await builder.cli(['snapshot', '--now'])).toMatchObject({ code: 0 });
});

afterAll(async () => await world.stop());

/** A cache that has something left of processes that were killed, which a sweep would remove. */
function withLeftOvers(worker: Worker): Worker {
  for (const name of ['staging/left.over', 'trash/left', 'placing/.pkg-cache-x-1-2', 'spool/drafts/old', 'ready/1-1-18/ab/.half']) {
    const path = join(worker.cache, 'v1', name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'file'), '');
    utimesSync(path, 1e9, 1e9);
  }
  return worker;
}

function letOthersIn(path: string): void {
  for (let each = path; each.startsWith(`${realpathSync(tmpdir())}/`); each = dirname(each)) chmodSync(each, 0o755);
}

const envOf = (worker: Worker): NodeJS.ProcessEnv => ({ ...worker.env, PATH: [worker.shims, worker.env['PATH']].join(delimiter) });

/** Runs a script where nobody can write to the worker's cache. */
function onReadOnlyDisk(worker: Worker, script: string): Promise<Outcome> {
  mkdirSync(worker.cache, { recursive: true });
  const mounted = `mount --bind "$PKG_CACHE_DIR" "$PKG_CACHE_DIR" && mount -o remount,ro,bind "$PKG_CACHE_DIR" && ${script}`;
  return run('unshare', ['-m', 'sh', '-c', mounted], { cwd: '/', env: envOf(worker) });
}

function asSomebody(worker: Worker, script: string): Promise<Outcome> {
  for (const path of [world.root, worker.shims, worker.cache]) letOthersIn(path);
  return run('setpriv', [...SOMEBODY, 'sh', '-c', script], { cwd: '/', env: envOf(worker) });
}

const REASON = /^pkg-cache: not warmed up: the cache cannot be written \((EROFS|EACCES|EPERM)\)\n$/;

describe.runIf(canMount)('on a read-only disk (needs to mount)', () => {
  it.each([['an empty cache', false], ['one with left-overs', true]])('the worker begins: %s', async (_, hasLeftOvers) => {
    const worker = hasLeftOvers ? withLeftOvers(world.worker()) : world.worker();
    expect(await onReadOnlyDisk(worker, ENTRYPOINT)).toMatchObject({ code: 0, stdout: 'began\n', stderr: expect.stringMatching(REASON) as string });
    expect(await onReadOnlyDisk(worker, 'pkg-cache warm --strict')).toMatchObject({ code: 1, stderr: expect.stringMatching(REASON) as string });
  });

  it('flush has nothing to wait for', async () => {
    expect(await onReadOnlyDisk(withLeftOvers(world.worker()), 'pkg-cache flush')).toMatchObject({ code: 0, stderr: '' });
  });

  it.each(['sync --once', 'snapshot --now'])('%s says in one line that it cannot, or what came of it', async (line) => {
    const { code, stderr } = await onReadOnlyDisk(withLeftOvers(world.worker()), `pkg-cache ${line}`);
    expect(code).toBe(1);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe.runIf(canBeSomebody)("with another user's cache (needs root, and setpriv)", () => {
  it('the worker begins', async () => {
    const worker = withLeftOvers(world.worker());
    expect(await asSomebody(worker, ENTRYPOINT)).toMatchObject({ code: 0, stdout: 'began\n', stderr: expect.stringMatching(REASON) as string });
    expect(await asSomebody(worker, 'pkg-cache flush')).toMatchObject({ code: 0, stderr: '' });
  });
});

it.each<[string, (worker: Worker) => void]>([
  ['is a file', (worker) => writeFileSync(worker.cache, '')],
  ['has files in the place of directories', (worker) => (mkdirSync(worker.cache), writeFileSync(join(worker.cache, 'v1'), ''))],
])('the worker begins where the cache %s', async (_, spoil) => {
  const worker = world.worker();
  spoil(worker);
  const { code, stdout, stderr } = await run('sh', ['-c', ENTRYPOINT], { cwd: '/', env: envOf(worker) });
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'began\n' });
  expect(stderr).toMatch(/^pkg-cache: not warmed up: .*\n$/);
});
