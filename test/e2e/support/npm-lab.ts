import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { LocalCache } from '../../../src/cache/local.ts';
import { readyShelves } from '../../../src/cache/shelves.ts';
import { isTreeKey } from '../../../src/npm/entry.ts';
import { startNpmRegistry, type NpmRegistry } from '../../support/npm-registry.ts';
import { run, type Outcome } from '../../support/run.ts';
import { treeOf, type Tree } from './tree.ts';
import type { Env, Worker } from './worker.ts';
import { remove, startWorld, type World } from './world.ts';

const SETTINGS = { npm_config_audit: 'false', npm_config_update_notifier: 'false', npm_config_fetch_retries: '0' };

/** Workers, a store, and a registry whose packages the tests make. */
export class NpmLab {
  readonly world: World;
  readonly registry: NpmRegistry;
  #made = 0;

  private constructor(world: World, registry: NpmRegistry) {
    this.world = world;
    this.registry = registry;
  }

  static async start(): Promise<NpmLab> {
    return new NpmLab(await startWorld({ store: true }), await startNpmRegistry());
  }

  async stop(): Promise<void> {
    await this.registry.down();
    await this.world.stop();
  }

  /** A project with a lockfile that the real npm has made. */
  async project(manifest: object, files: Readonly<Record<string, string>> = {}): Promise<string> {
    const directory = join(this.world.root, `project-${this.#made++}`);
    for (const [path, text] of Object.entries({ 'package.json': JSON.stringify({ name: 'project', version: '1.0.0', ...manifest }), ...files })) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    expect(await this.realNpm(directory, ['install', '--package-lock-only'])).toMatchObject({ code: 0 });
    return directory;
  }

  environment(env: Env): Env {
    return { ...env, ...SETTINGS, npm_config_registry: this.registry.url, npm_config_cache: join(env['PKG_CACHE_DIR'] ?? this.world.root, '../npm-cache') };
  }

  realNpm(cwd: string, args: readonly string[], more: Env = {}): Promise<Outcome> {
    return run('npm', args, { cwd, env: { ...this.environment(this.world.box.env), ...more } });
  }

  /** Of a worker, with the shims first on PATH; its npm has a cache of its own. */
  environmentOf(worker: Worker): Env {
    const PATH = [worker.shims, this.world.box.env['PATH']].join(':');
    return { ...this.environment(worker.env), npm_config_cache: `${worker.cache}.npm`, PATH };
  }

  /** `npm ARG…` through the shim. */
  npm(worker: Worker, cwd: string, args: readonly string[], more: Env = {}): Promise<Outcome> {
    return run('npm', args, { cwd, env: { ...this.environmentOf(worker), ...more } });
  }

  /** The tree that the real npm makes of a project, which is left without it. */
  async reference(directory: string, args: readonly string[] = ['ci']): Promise<{ outcome: Outcome; tree: Tree }> {
    const outcome = await this.realNpm(directory, args);
    expect(outcome).toMatchObject({ code: 0 });
    const tree = treeOf(directory);
    removeModules(directory);
    return { outcome, tree };
  }

  /** A worker that has seen an install of the project. */
  async filled(directory: string, env: Env = {}, args: readonly string[] = ['ci']): Promise<Worker> {
    const worker = this.world.worker(env);
    expect(await this.npm(worker, directory, args)).toMatchObject({ code: 0 });
    await worker.settle();
    removeModules(directory);
    rmSync(`${worker.cache}.npm`, { recursive: true, force: true });
    return worker;
  }

  async withoutRegistry<T>(action: () => Promise<T>): Promise<T> {
    await this.registry.down();
    try {
      return await action();
    } finally {
      await this.registry.up();
    }
  }
}

/** Removes what npm has filled, in the project and in its workspaces. */
export function removeModules(directory: string): void {
  remove(join(directory, 'node_modules'));
  for (const name of existsSync(join(directory, 'packages')) ? readdirSync(join(directory, 'packages')) : []) remove(join(directory, 'packages', name, 'node_modules'));
}

/** Where the ready copies of a worker are, used up or not: of whole trees, and of packages. */
export function shelvesOf({ cache: directory }: Worker): { trees: string[]; packages: string[] } {
  const cache = new LocalCache(directory);
  const ids = [...readyShelves(cache).keys()];
  const shelves = (which: readonly string[]): string[] => which.flatMap((id) => readyShelves(cache).get(id) ?? []);
  const isTree = (id: string): boolean => isTreeKey(cache.byId(id)?.entry.key);
  return { trees: shelves(ids.filter(isTree)), packages: shelves(ids.filter((id) => !isTree(id))) };
}

/** Has a worker put the next tree together from its packages. */
export function removeTreeCopies(worker: Worker): void {
  for (const shelf of shelvesOf(worker).trees) remove(shelf);
}

/** What npm says, without the time that it took, and without our line. */
export function said({ stdout }: Pick<Outcome, 'stdout'>): string {
  return stdout.replace(/ in \d+(ms|s|m)/g, '').replace(/^pkg-cache: .*\n/m, '');
}
