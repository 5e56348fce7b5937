import { mkdtempSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareTrees, describeDifferences, snapshotTree } from '../../harness/compare.ts';
import { pins, setFile } from '../../harness/distributions.ts';
import { python, type Python } from '../../support/pythons.ts';
import { startS3, type S3Server } from '../../support/s3-server.ts';
import { sandbox, type Sandbox } from '../../support/sandbox.ts';
import { makeVenv } from '../../support/venv.ts';

/** The pips of a suite: the one that Python brings, and the newest that there is for it. */
const PIPS = ['bundled', 'newest'] as const;

/**
 * The suite of one CPython: its whole set of real distributions, from the real index, installed by the real pip and through the shim (as a
 * miss, a local hit, a store hit, and mixed), always at the same path; every environment must be what the real pip left, entry by entry.
 */
export function describeFidelity(minor: string): void {
  const found = python(minor);
  describe.skipIf(found === undefined)(`CPython ${minor}${found === undefined ? ' (not on this machine: name one in PKG_CACHE_TEST_PYTHONS)' : ''}`, () => {
    if (found !== undefined) suite(found);
  });
}

function suite(interpreter: Python): void {
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'pkg-cache-fidelity-'));
  const set = setFile(interpreter.minor);
  const size = pins(interpreter.minor).length;
  let store: S3Server;
  let worker: Worker;

  beforeAll(async () => {
    store = await startS3();
    worker = await Worker.start(root, interpreter, store);
  });
  afterAll(async () => {
    worker.dispose();
    await store.stop();
    rmSync(root, { recursive: true, force: true });
  });

  for (const pip of PIPS) {
    it(`with the ${pip} pip: the reference, by the real pip alone`, async () => {
      // With a cache of its own: of what pip has built before nobody knows how, so that it would not be cached.
      const { code, stderr } = await worker.install(pip, ['install', '--no-pkg-caching', '-r', set], { pipCache: join(root, `pip-cache-${pip}`) });
      expect({ code, stderr }).toMatchObject({ code: 0 });
      renameSync(worker.venv, worker.reference(pip));
    });

    it.runIf(pip === 'bundled')('as a miss, after which everything is cached and stored', async () => {
      await worker.install(pip, ['install', '-r', set]);
      expect(worker.differences(pip)).toEqual([]);
      expect(await worker.pkgCache('flush')).toMatchObject({ code: 0, stderr: '' });
      expect(await worker.cachedCount()).toBe(size);
    });

    it(`with the ${pip} pip: as a local hit`, async () => {
      const { stdout } = await worker.install(pip, ['install', '-r', set], { offline: true });
      expect(count(stdout, '(cached)') + satisfied(stdout)).toBe(size);
      expect(worker.differences(pip)).toEqual([]);
      await worker.expectSound();
    });

    it(`with the ${pip} pip: as a store hit, on a worker that has nothing`, async () => {
      const { stdout } = await worker.install(pip, ['install', '-r', set], { offline: true, cache: join(root, `empty-${pip}`) });
      expect(count(stdout, '(store)') + satisfied(stdout)).toBe(size);
      expect(worker.differences(pip)).toEqual([]);
    });

    it(`with the ${pip} pip: a part from the cache, the rest from the real pip`, async () => {
      const cache = join(root, `part-${pip}`);
      await worker.pkgCacheIn(worker.box.cache, cache);
      const { code, stdout } = await worker.install(pip, ['install', '-r', set], { cache, store: false });
      expect({ code, served: count(stdout, '(cached)') > 100, whole: count(stdout, '(cached)') < size }).toEqual({ code: 0, served: true, whole: true });
      expect(worker.differences(pip)).toEqual([]);
    });
  }
}

interface InstallOptions {
  readonly offline?: boolean;
  readonly cache?: string;
  readonly store?: boolean;
  /** pip's own; the one that all others share if not given. */
  readonly pipCache?: string;
}

class Worker {
  readonly venv: string;
  readonly box: Sandbox;
  readonly #root: string;
  readonly #python: Python;

  private constructor(root: string, interpreter: Python, box: Sandbox) {
    this.#root = root;
    this.#python = interpreter;
    this.box = box;
    this.venv = join(root, 'env');
  }

  static async start(root: string, interpreter: Python, store: S3Server): Promise<Worker> {
    // Bytecode that Python writes for pip itself when pip runs is none of an install's results.
    const env = { ...store.env, PKG_CACHE_STORE: `s3://${store.bucket}/workers`, PYTHONDONTWRITEBYTECODE: '1' };
    return new Worker(root, interpreter, await sandbox({ registry: true, env }));
  }

  reference(pip: string): string {
    return join(this.#root, `reference-${pip}`);
  }

  /** Installs into a new environment at the same path as ever. */
  async install(pip: (typeof PIPS)[number], args: readonly string[], { offline, cache, store, pipCache }: InstallOptions = {}) {
    rmSync(this.venv, { recursive: true, force: true });
    const venv = await makeVenv(this.#python, this.venv, pip === 'bundled' ? {} : { pip });
    const [shims = '', ...rest] = (this.box.env['PATH'] ?? '').split(delimiter);
    return await this.box.run('pip', args, {
      env: {
        PATH: [shims, venv.bin, ...rest].join(delimiter),
        ...(cache === undefined ? {} : { PKG_CACHE_DIR: cache }),
        ...(pipCache === undefined ? {} : { PIP_CACHE_DIR: pipCache }),
        ...(store === false ? { PKG_CACHE_STORE: undefined } : {}),
        // Nobody listens there.
        ...(offline === true ? { PIP_PROXY: 'http://127.0.0.1:9' } : {}),
      },
    });
  }

  differences(pip: string): string[] {
    const reference = snapshotTree(this.reference(pip), this.venv);
    return describeDifferences(compareTrees(reference, snapshotTree(this.venv), this.#python.path));
  }

  pkgCache(...args: string[]) {
    return this.box.run('pkg-cache', args);
  }

  async cachedCount(): Promise<number> {
    const { stdout } = await this.pkgCache('status', '--json');
    return (JSON.parse(stdout) as { entries: { status: string }[] }).entries.filter(({ status }) => status === 'cached').length;
  }

  /** A second cache with all entries of the first but every eighth. */
  async pkgCacheIn(from: string, to: string): Promise<void> {
    await this.box.run('cp', ['-a', from, to]);
    const entries = join(to, 'v1/entries');
    const all = readdirSync(entries).flatMap((shard) => readdirSync(join(entries, shard)).map((id) => join(entries, shard, id))).sort();
    for (const path of all.filter((_path, index) => index % 8 === 0)) rmSync(path, { recursive: true });
  }

  /** pip finds nothing wrong with the environment. */
  async expectSound(): Promise<void> {
    const python = join(this.venv, 'bin/python');
    expect(await this.box.run(python, ['-m', 'pip', 'check'])).toMatchObject({ code: 0 });
  }

  dispose(): void {
    this.box.dispose();
  }
}

/** The newest pip may be the one of the set. */
function satisfied(output: string): number {
  return output.split('\n').filter((line) => line.startsWith('Requirement already satisfied: pip==')).length;
}

function count(output: string, mark: string): number {
  return output.split('\n').filter((line) => line.endsWith(mark)).length;
}
