import { cpSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { said } from '../../e2e/support/npm-lab.ts';
import { treeOf, type Tree } from '../../e2e/support/tree.ts';
import type { Env, Worker } from '../../e2e/support/worker.ts';
import { endBackground, remove, startWorld, type World } from '../../e2e/support/world.ts';
import { ROOT } from '../../support/install.ts';
import { run, mustRun, type Outcome } from '../../support/run.ts';
import { binOf, type NpmVersion } from './npm-versions.ts';

/** A project in test/harness/sets/npm, whose lockfile is made by the npm at hand. */
interface ProjectSet {
  readonly name: string;
  /** npm commands that make the lockfile. */
  readonly lock?: readonly (readonly string[])[];
  /** Whether the lockfile is then renamed. */
  readonly shrinkwrap?: boolean;
  /** The last major version of npm that goes by its lockfile. */
  readonly until?: number;
  /** Whether npm need not be started for a project that it has installed before. */
  readonly served: boolean;
  /** Whether nothing of it is cached, so that npm always needs its registry. */
  readonly ignored?: boolean;
  readonly env?: Env;
}

const LOCK = [['install', '--package-lock-only', '--ignore-scripts']];

// Each step runs several real npms, which a busy machine makes wait.
vi.setConfig({ testTimeout: 900_000 });

/** Nobody listens there. */
const OFFLINE = { npm_config_proxy: 'http://127.0.0.1:9', npm_config_https_proxy: 'http://127.0.0.1:9', npm_config_fetch_retries: '0' };

/** What a user may do next, and what must come to the same then. */
const NEXT = [['ls', '--all'], ['explain', '--json', '*'], ['prune'], ['dedupe'], ['install']];

/** Those that are not served have scripts of their own, or something that only npm can place. */
const SETS: readonly ProjectSet[] = [
  { name: 'aliases', served: true },
  { name: 'browser', served: true },
  // npm 12 refuses to read the manifest out of a tarball that is not on the configured registry's own host.
  { name: 'bundled', served: true, lock: [['install', '--package-lock-only', '--ignore-scripts', '--allow-remote=all']] },
  { name: 'bundler', served: true },
  { name: 'deprecated', served: true },
  { name: 'files', served: true },
  { name: 'hooks', served: false },
  { name: 'images', served: true },
  { name: 'legacy-peers', served: true },
  { name: 'lockfile-2', served: true, lock: [['install', '--package-lock-only', '--ignore-scripts', '--lockfile-version=2']] },
  { name: 'monorepo', served: true },
  { name: 'patches', served: false },
  { name: 'peers', served: true },
  { name: 'platforms', served: true },
  { name: 'server', served: true },
  { name: 'shrinkwrap', served: false, ignored: true, shrinkwrap: true, until: 11 },
  { name: 'web-app', served: true },
];

/**
 * The suite of one npm: every project is installed by the real npm and through the shim (as a miss, a local hit, a store hit, with a part missing,
 * and as a project that nobody has seen), always in the same place; what is there afterwards must be what the real npm left, entry by entry.
 */
export function describeNpm(title: string, version: NpmVersion): void {
  describe(title, () => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await Lab.start(version);
    });
    afterAll(() => lab.world.stop());
    for (const set of SETS.filter(({ until = Infinity }) => !(Number.parseInt(version.npm ?? '', 10) > until))) describeSet(set, () => lab);
  });
}

function describeSet(set: ProjectSet, lab: () => Lab): void {
  describe(set.name, () => {
    let project: Project;

    it('the reference, by the real npm alone', async () => {
      project = await Project.make(lab(), set);
      await project.refer();
    });

    it('as a miss, after which it is cached and stored', async () => {
      expect(await project.install(project.first)).toEqual(project.expected);
      await project.first.settle();
    });

    it('as a local hit, which npm believes afterwards', async () => {
      expect(await project.install(project.first, { offline: set.ignored !== true })).toEqual(project.expected);
      expect(project.npmRan).toBe(!set.served);
      expect(await project.next()).toEqual(project.expectedNext);
    });

    it('as a store hit, on a worker that has nothing', async () => {
      const second = lab().worker(set);
      expect(await project.install(second, { offline: set.ignored !== true })).toEqual(project.expected);
      expect(project.npmRan).toBe(!set.served);
    });

    it('with a part in the cache, the rest by the real npm', async () => {
      const part = lab().worker({ env: { ...set.env, PKG_CACHE_STORE: undefined } });
      await endBackground(project.first.cache);
      cpSync(project.first.cache, part.cache, { recursive: true, verbatimSymlinks: true });
      removeSome(part.cache);
      expect(await project.install(part)).toEqual(project.expected);
      await part.settle();
      await endBackground(part.cache);
      remove(part.cache);
    });

    it('as a project that nobody has seen, of packages that are there', async () => {
      project.rename();
      expect(await project.install(project.first, { offline: set.ignored !== true })).toEqual(project.expected);
      expect(project.npmRan).toBe(true);
      await project.first.settle();
      await endBackground(project.first.cache);
      remove(project.first.cache);
    });
  });
}

/** Every eighth package, and whatever trees there are. */
function removeSome(cache: string): void {
  const entries = join(cache, 'v1/entries');
  if (!existsSync(entries)) return; // a project that is never looked at
  const all = readdirSync(entries).flatMap((shard) => readdirSync(join(entries, shard)).map((id) => join(entries, shard, id))).sort();
  const isTree = (path: string): boolean => existsSync(join(path, 'tree/package-lock.json')) && readdirSync(join(path, 'tree')).length === 1;
  const [trees, packages] = [all.filter(isTree), all.filter((path) => !isTree(path))];
  for (const path of [...trees, ...packages.filter((_path, index) => index % 8 === 0)]) rmSync(path, { recursive: true });
}

/** What an install came to. */
interface Result {
  readonly code: number | undefined;
  readonly stdout: string;
  /** Lines in their order by name: warnings come as downloads end. */
  readonly stderr: readonly string[];
  readonly tree: Tree;
}

class Lab {
  readonly world: World;
  readonly #path: string;
  readonly #way: Env;

  private constructor(world: World, path: string, way: Env) {
    this.world = world;
    this.#path = path;
    this.#way = { npm_config_audit: 'false', npm_config_update_notifier: 'false', ...way };
  }

  static async start(version: NpmVersion): Promise<Lab> {
    const world = await startWorld({ store: true });
    const bin = await binOf(version, { ...world.box.env, npm_config_cache: join(world.root, 'npm-cache') });
    // The machine's way to the registry may be in the global configuration, which another Node does not share.
    const cafile = (await mustRun('npm', ['config', 'get', 'cafile'], { env: world.box.env })).stdout.trim();
    return new Lab(world, [...(bin === undefined ? [] : [bin]), world.box.env['PATH']].join(delimiter), cafile === 'null' ? {} : { npm_config_cafile: cafile });
  }

  /** The real npm's environment, with a cache that stays. */
  get env(): Env {
    return { ...this.world.box.env, ...this.#way, PATH: this.#path, npm_config_cache: join(this.world.root, 'npm-cache') };
  }

  worker({ env }: Pick<ProjectSet, 'env'>): Worker {
    return this.world.worker({ ...this.#way, PATH: this.#path, ...env });
  }
}

class Project {
  readonly first: Worker;
  readonly #directory: string;
  readonly #lab: Lab;
  readonly #set: ProjectSet;
  #result: Result | undefined;
  #next: unknown;
  npmRan = false;

  private constructor(lab: Lab, set: ProjectSet) {
    this.#lab = lab;
    this.#set = set;
    this.#directory = join(lab.world.root, set.name);
    this.first = lab.worker(set);
  }

  static async make(lab: Lab, set: ProjectSet): Promise<Project> {
    const project = new Project(lab, set);
    cpSync(join(ROOT, 'test/harness/sets/npm', set.name), project.#directory, { recursive: true });
    for (const args of set.lock ?? LOCK) await mustRun('npm', args, { cwd: project.#directory, env: project.#env });
    if (set.shrinkwrap === true) renameSync(join(project.#directory, 'package-lock.json'), join(project.#directory, 'npm-shrinkwrap.json'));
    return project;
  }

  get expected(): Result | undefined {
    return this.#result;
  }

  get expectedNext(): unknown {
    return this.#next;
  }

  async refer(): Promise<void> {
    this.#result = await this.#resultOf(() => run('npm', ['ci'], { cwd: this.#directory, env: this.#env }));
    expect(this.#result).toMatchObject({ code: 0 });
    this.#next = await this.next();
  }

  /** `npm ci` through the shim. One that is offline has nothing in npm's own cache either. */
  async install(worker: Worker, { offline = false } = {}): Promise<Result> {
    const { world } = this.#lab;
    const npmCache = join(world.root, offline ? 'npm-cache-offline' : 'npm-cache');
    const logs = join(npmCache, '_logs');
    if (offline) remove(npmCache);
    remove(logs);
    const env = { ...worker.env, npm_config_cache: npmCache, PATH: [worker.shims, worker.env['PATH']].join(delimiter), ...(offline ? OFFLINE : {}) };
    const result = await this.#resultOf(() => run('npm', ['ci'], { cwd: this.#directory, env }));
    this.npmRan = existsSync(logs);
    return result;
  }

  /** What the real npm says and does to what is there now, one thing after the other; the lockfile is then put back. */
  async next(): Promise<unknown> {
    const files = ['package.json', 'package-lock.json', 'npm-shrinkwrap.json'].map((name) => join(this.#directory, name)).filter((path) => existsSync(path));
    const texts = files.map((path) => readFileSync(path));
    const outcomes = [];
    for (const args of NEXT) {
      const { code, stdout, stderr } = await run('npm', args, { cwd: this.#directory, env: this.#env });
      outcomes.push({ args, code, stdout: stdout.replace(/ in \d+(ms|s|m)/g, ''), stderr: linesOf(stderr) });
    }
    const tree = treeOf(this.#directory);
    files.forEach((path, index) => writeFileSync(path, texts[index]!));
    return { outcomes, tree };
  }

  /** Makes another project of it, as far as anybody can tell. */
  rename(): void {
    const path = join(this.#directory, 'package.json');
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), description: 'renamed' }, undefined, 2));
    const { tree } = this.#result!;
    this.#result = { ...this.#result!, tree: { ...tree, 'package.json': treeOf(this.#directory)['package.json']! } };
  }

  get #env(): Env {
    return { ...this.#lab.env, ...this.#set.env };
  }

  async #resultOf(install: () => Promise<Outcome>): Promise<Result> {
    removeAllModules(this.#directory);
    const outcome = await install();
    return { code: outcome.code, stdout: said(outcome), stderr: linesOf(outcome.stderr), tree: treeOf(this.#directory) };
  }
}

function removeAllModules(directory: string): void {
  for (const item of readdirSync(directory, { withFileTypes: true })) {
    if (!item.isDirectory()) continue;
    if (item.name === 'node_modules') remove(join(directory, item.name));
    else removeAllModules(join(directory, item.name));
  }
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => !line.startsWith('npm error A complete log')).sort();
}
