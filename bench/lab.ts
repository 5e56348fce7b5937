import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { python } from '../test/support/pythons.ts';
import { timed } from './measure.ts';

export type Env = Readonly<Record<string, string | undefined>>;

const SYSTEM = ['/usr/local/bin', '/usr/bin', '/bin'];

/** How this machine reaches the package index. */
const WAY_TO_THE_INDEX = /^(PIP_(INDEX_URL|EXTRA_INDEX_URL|CERT|TRUSTED_HOST|DEFAULT_TIMEOUT)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|(https?|all|no)_proxy)$/i;

/**
 * A place to measure in, in memory where there is tmpfs: an installation of the project, an environment to install into, and the tools
 * that it is compared with. Commands get an environment of the lab's own; only the way to the package index is the machine's.
 */
export class Lab {
  readonly root: string;
  /** Where `install.sh` put the shims. */
  readonly shims: string;
  readonly #env: Env;
  readonly #python: string;
  #uv: string | undefined;

  constructor(source: string) {
    const cp312 = python('3.12');
    if (!cp312) throw new Error('the benchmarks need CPython 3.12; name one in PKG_CACHE_TEST_PYTHONS');
    this.#python = cp312.path;
    this.root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'pkg-cache-bench-'));
    this.shims = this.path('prefix/shims');
    for (const name of ['home', 'tmp']) mkdirSync(this.path(name));
    const machine = Object.entries(process.env).filter(([name]) => WAY_TO_THE_INDEX.test(name));
    this.#env = {
      ...Object.fromEntries(machine),
      HOME: this.path('home'),
      TMPDIR: this.path('tmp'),
      LANG: 'C.UTF-8',
      PIP_CACHE_DIR: this.path('pip-cache'),
      PIP_DISABLE_PIP_VERSION_CHECK: '1',
      UV_CACHE_DIR: this.path('uv-cache'),
      PKG_CACHE_DIR: this.path('cache'),
    };
    const { HOME, PATH } = process.env;
    execFileSync(join(source, 'install.sh'), ['--prefix', this.path('prefix'), '--cache', this.path('cache')], { env: { HOME, PATH }, stdio: 'ignore' });
    this.#makeTemplate();
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** A command of the environment that is installed into. */
  bin(name: string): string {
    return this.path('venv/bin', name);
  }

  /** The variables of a command; with `shims`, these come first on PATH. */
  env(shims: boolean, more: Env = {}): Env {
    const path = [...(shims ? [this.shims] : []), this.path('venv/bin'), ...SYSTEM];
    return { ...this.#env, PATH: path.join(delimiter), ...more };
  }

  /** Puts the environment back to what `python -m venv` had made of it, in the same place. */
  freshVenv(): void {
    rmSync(this.path('venv'), { recursive: true, force: true });
    execFileSync('cp', ['-a', this.path('venv.template'), this.path('venv')]);
  }

  /** Runs a command to its end: milliseconds, and what it printed. Throws unless it exits with 0. */
  run(command: string, args: readonly string[], env: Env): { took: number; stdout: string } {
    let stdout = '';
    const took = timed(() => {
      const result = spawnSync(command, args, { env: { ...env }, cwd: this.path('home'), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });
      if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.status ?? result.signal}\n${result.stdout}\n${result.stderr}`);
      stdout = result.stdout;
    });
    return { took, stdout };
  }

  /** `pip install` by the real pip. */
  realPip(args: readonly string[], env: Env = {}): number {
    return this.run(this.bin('pip'), ['install', ...args], this.env(false, env)).took;
  }

  /** `pip install` through the shim. */
  shim(args: readonly string[], env: Env = {}): { took: number; stdout: string } {
    return this.run(join(this.shims, 'pip'), ['install', ...args], this.env(true, env));
  }

  /** Waits for the background: snapshots, uploads and ready copies are made. */
  flush(env: Env = {}): void {
    this.run(join(this.shims, 'pkg-cache'), ['flush'], this.env(true, env));
  }

  /** `uv pip install` into the environment, without the network unless `online`; uv is fetched at the first call. */
  uv(args: readonly string[], { online = false } = {}): number {
    this.#uv ??= this.#fetchUv();
    const offline = online ? [] : ['--offline'];
    return this.run(this.#uv, ['pip', 'install', ...offline, '--python', this.bin('python'), ...args], this.env(false)).took;
  }

  /** The versions of what is compared. */
  versions(): string {
    const said = (command: string, args: string[]): string => this.run(command, args, this.env(false)).stdout.trim();
    const uv = this.#uv === undefined ? [] : [said(this.#uv, ['--version']).replace(/ \(.*/, '')];
    const pip = said(this.bin('pip'), ['--version']).split(' ').slice(0, 2).join(' ');
    return [`node ${process.version}`, said(this.bin('python'), ['--version']), pip, ...uv].join(', ');
  }

  dispose(): void {
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }

  #makeTemplate(): void {
    this.run(this.#python, ['-m', 'venv', this.path('venv')], this.env(false));
    // What the first start of pip compiles belongs to no try.
    this.run(this.bin('pip'), ['--version'], this.env(false));
    renameSync(this.path('venv'), this.path('venv.template'));
    this.freshVenv();
  }

  #fetchUv(): string {
    this.run(this.#python, ['-m', 'venv', this.path('uv')], this.env(false));
    this.run(this.path('uv/bin/pip'), ['install', '--quiet', 'uv'], this.env(false));
    return this.path('uv/bin/uv');
  }
}
