import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { snapshotTree, type Tree } from '../../test/harness/compare.ts';
import type { Python } from '../../test/support/pythons.ts';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How this machine reaches the package index. */
const WAY_TO_THE_INDEX = /^(PIP_(INDEX_URL|EXTRA_INDEX_URL|CERT|TRUSTED_HOST|DEFAULT_TIMEOUT)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|(https?|all|no)_proxy)$/i;

/** A virtual environment of one Python, with the newest pip and nothing else, that is made anew for each install at one path; and a cache. */
export class Environment {
  readonly #root: string;
  readonly #shims: string;
  readonly #env: Readonly<Record<string, string | undefined>>;

  /** Works below `directory`; `shims` is where an installation has its shims. */
  constructor(directory: string, python: Python, shims: string) {
    this.#root = mkdtempSync(join(directory, `${python.minor}-`));
    this.#shims = shims;
    for (const name of ['home', 'tmp', 'kept']) mkdirSync(join(this.#root, name), { recursive: true });
    this.#env = {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => WAY_TO_THE_INDEX.test(name))),
      HOME: join(this.#root, 'home'),
      TMPDIR: join(this.#root, 'tmp'),
      PATH: [shims, join(this.#venv, 'bin'), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
      LANG: 'C.UTF-8',
      PKG_CACHE_DIR: join(this.#root, 'cache'),
      // Nothing is left to a background process, which has the lowest priority.
      PKG_CACHE_SYNCHRONOUS: 'on',
      PKG_CACHE_READY_COPIES: 'off',
      // Archives that fit every Python are downloaded once.
      PIP_CACHE_DIR: join(directory, 'pip-cache'),
      PIP_DISABLE_PIP_VERSION_CHECK: '1',
      PYTHONDONTWRITEBYTECODE: '1',
    };
    this.#makeTemplate(python);
  }

  get #venv(): string {
    return join(this.#root, 'env');
  }

  /** Puts the environment back to what it was, in the same place. */
  fresh(): void {
    rmSync(this.#venv, { recursive: true, force: true });
    execFileSync('cp', ['-a', join(this.#root, 'template'), this.#venv]);
  }

  forgetCache(): void {
    rmSync(join(this.#root, 'cache'), { recursive: true, force: true, maxRetries: 5 });
  }

  /** `pip install` through the shim, at most for so many seconds; offline, pip finds nobody to ask. */
  pip(args: readonly string[], { offline = false, seconds = 900 } = {}): Ran {
    return this.#run('pip', ['install', ...args], seconds, offline ? { PIP_PROXY: 'http://127.0.0.1:9' } : {});
  }

  pkgCache(...args: string[]): Ran {
    return this.#run('pkg-cache', args, 300);
  }

  dispose(): void {
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 });
  }

  /** What is there now, moved aside so that it can be looked at after the next install. */
  keep(): Tree {
    const kept = join(this.#root, 'kept/env');
    rmSync(kept, { recursive: true, force: true });
    renameSync(this.#venv, kept);
    return snapshotTree(kept, this.#venv);
  }

  /** What is there now. */
  tree(): Tree {
    return snapshotTree(this.#venv);
  }

  #run(command: string, args: readonly string[], seconds: number, more: Readonly<Record<string, string>> = {}): Ran {
    const options = { env: { ...this.#env, ...more }, cwd: join(this.#root, 'home'), encoding: 'utf8' as const, timeout: seconds * 1000, maxBuffer: 1 << 26 };
    const { status, stdout, stderr, error } = spawnSync(join(this.#shims, command), args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    return { code: status, stdout: stdout ?? '', stderr: `${stderr ?? ''}${error === undefined ? '' : `\n${error.message}`}` };
  }

  #makeTemplate(python: Python): void {
    const own = (args: readonly string[]): void => void execFileSync(join(this.#venv, 'bin/python'), ['-m', 'pip', '--quiet', ...args], { env: this.#env, stdio: 'inherit' });
    rmSync(this.#venv, { recursive: true, force: true });
    rmSync(join(this.#root, 'template'), { recursive: true, force: true });
    execFileSync(python.path, ['-m', 'venv', this.#venv], { env: this.#env });
    own(['install', '--upgrade', 'pip']);
    own(['uninstall', '--yes', 'setuptools', 'wheel']);
    renameSync(this.#venv, join(this.#root, 'template'));
  }
}
