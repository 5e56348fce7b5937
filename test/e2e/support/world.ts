import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import { startIndex, type PackageIndex } from '../../support/index-server.ts';
import { installPkgCache } from '../../support/install.ts';
import { anyPython } from '../../support/pythons.ts';
import { mustRun, type Outcome, type RunOptions } from '../../support/run.ts';
import { startS3, type S3Server } from '../../support/s3-server.ts';
import { sandbox, type Sandbox } from '../../support/sandbox.ts';
import { makeVenv, type Venv } from '../../support/venv.ts';
import { makeWheel, type BuiltArchive, type WheelSpec } from '../../support/wheel.ts';
import { Worker } from './worker.ts';

// Each test runs several real pips, which a busy machine makes wait.
vi.setConfig({ testTimeout: 180_000 });

/** An index, perhaps an S3 server, and as many workers and environments as a test asks for. */
export interface World {
  readonly root: string;
  readonly box: Sandbox;
  /** Where the index takes its archives from. */
  readonly archives: string;
  readonly index: PackageIndex;
  /** `s3://…` of a real server; undefined if none was asked for. */
  readonly store: string | undefined;
  readonly s3: S3Server | undefined;
  wheel(spec: WheelSpec): BuiltArchive;
  /** A worker with a local cache of its own, and the store if there is one. `env` adds to its environment. */
  worker(env?: Readonly<Record<string, string | undefined>>): Worker;
  /** An environment with nothing but pip in it. */
  venv(name?: string): Promise<Venv>;
  /** The same, made by `python -m venv` alone: its pip's script copes with any path. Takes seconds. */
  genuineVenv(name: string): Promise<Venv>;
  /** The real pip of an environment, without a shim in sight. */
  realPip(venv: Venv, args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Ends all that was started, and removes all that was made. */
  stop(): Promise<void>;
}

/** Starts a world. The index is the only one that pip knows, and pip asks it once. */
export async function startWorld({ store = false } = {}): Promise<World> {
  const { shims } = await installPkgCache();
  const box = await sandbox({ shims: false });
  const archives = join(box.root, 'archives');
  mkdirSync(archives);
  const index = await startIndex(archives);
  const s3 = store ? await startS3() : undefined;
  const location = s3 && `s3://${s3.bucket}/fleet`;
  const env = { ...box.env, ...s3?.env, PIP_INDEX_URL: index.url, PIP_RETRIES: '0', PKG_CACHE_STORE: location };
  let made = 0;
  return {
    root: box.root,
    box,
    archives,
    index,
    store: location,
    s3,
    wheel: (spec) => makeWheel(archives, spec),
    worker: (more = {}) => new Worker(shims, { ...env, PKG_CACHE_DIR: join(box.root, `cache-${made++}`), ...more }),
    venv: (name = `venv-${made++}`) => makeVenv(anyPython(), join(box.root, name)),
    genuineVenv: async (name) => {
      const { minor, path } = anyPython();
      const dir = join(box.root, name);
      await mustRun(path, ['-m', 'venv', dir], { env: box.env });
      return { dir, bin: join(dir, 'bin'), python: join(dir, 'bin/python'), sitePackages: join(dir, `lib/python${minor}/site-packages`) };
    },
    realPip: (venv, args, options = {}) =>
      box.run(join(venv.bin, 'pip'), args, { ...options, env: { ...env, PATH: [venv.bin, box.env['PATH']].join(delimiter), ...options.env } }),
    async stop() {
      await endBackground(box.root);
      await index.stop();
      await s3?.stop();
      await promisify(execFile)('chmod', ['-R', 'u+rwX', box.root]).catch(() => undefined);
      box.dispose();
    },
  };
}

/** Waits for the background processes of all workers below `root`, who write there until they end; one that hangs on a store is killed. */
export async function endBackground(root: string): Promise<void> {
  const end = Date.now() + 3_000;
  for (let pids = processesOf(root); pids.length > 0; pids = processesOf(root)) {
    if (Date.now() > end) pids.forEach(killIfThere);
    await sleep(50);
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** The processes whose cache lies below `root`. Empty where there is no /proc. */
export function processesOf(root: string): number[] {
  return listDir('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => environmentOf(pid).some((variable) => variable === `PKG_CACHE_DIR=${root}` || variable.startsWith(`PKG_CACHE_DIR=${root}/`)));
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    return [];
  }
}

function listDir(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Removes a directory, whatever is in it. */
export function remove(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}
