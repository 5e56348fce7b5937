import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { installPkgCache } from './install.ts';
import { run, type Outcome, type RunOptions } from './run.ts';

export interface SandboxOptions {
  /** Whether the installed shims come first on PATH. True if not given. */
  readonly shims?: boolean;
  /** Directories between the shims and the system's: a venv's `bin`, say. */
  readonly path?: readonly string[];
  /** Whether the machine's way to the package index (address, certificates, proxy) is let through. False if not given. */
  readonly registry?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A worker of its own: home, cache, temporary directory, and an environment with nothing else in it. */
export interface Sandbox {
  readonly root: string;
  readonly home: string;
  /** PKG_CACHE_DIR. */
  readonly cache: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs a command in it; `env` is added to the sandbox's, undefined takes a variable away. */
  run(command: string, args?: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Removes all of it. */
  dispose(): void;
}

const SYSTEM = ['/usr/local/bin', '/usr/bin', '/bin'];

const WAY_TO_THE_INDEX =
  /^(PIP_(INDEX_URL|EXTRA_INDEX_URL|CERT|TRUSTED_HOST|DEFAULT_TIMEOUT)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(https?|all|no)_proxy)$/i;

/** Makes a sandbox under the temporary directory. Call `dispose` when done, also after a failure. */
export async function sandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'pkg-cache-sandbox-'));
  const [home, cache, tmp] = ['home', 'cache', 'tmp'].map((name) => join(root, name)) as [string, string, string];
  mkdirSync(home);
  mkdirSync(tmp);
  const shims = options.shims === false ? [] : [(await installPkgCache()).shims];
  const env = {
    HOME: home,
    TMPDIR: tmp,
    PATH: [...shims, ...(options.path ?? []), ...SYSTEM].join(delimiter),
    LANG: 'C.UTF-8',
    PKG_CACHE_DIR: cache,
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    ...(options.registry === true ? wayToTheIndex() : {}),
    ...options.env,
  };
  return {
    root,
    home,
    cache,
    env,
    run: (command, args = [], more = {}) => run(command, args, { cwd: home, ...more, env: { ...env, ...more.env } }),
    dispose: () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }),
  };
}

function wayToTheIndex(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => WAY_TO_THE_INDEX.test(name)));
}
