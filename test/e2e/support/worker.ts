import { delimiter, join } from 'node:path';
import { DayFiles } from '../../../src/cache/day-files.ts';
import { LocalCache } from '../../../src/cache/local.ts';
import { claimOfBackground } from '../../../src/fleet/start.ts';
import { mustRun, run, type Outcome, type RunOptions } from '../../support/run.ts';
import type { Venv } from '../../support/venv.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** A row of `pkg-cache status --json`. */
export interface StatusRow {
  readonly status: string;
  readonly package: string;
  readonly version: string;
  readonly path: string;
  readonly platform: string;
}

/** A machine with the shims on its PATH and a local cache of its own. */
export class Worker {
  readonly env: Env;
  readonly shims: string;

  constructor(shims: string, env: Env) {
    this.shims = shims;
    this.env = env;
  }

  get cache(): string {
    return this.env['PKG_CACHE_DIR'] ?? '';
  }

  /** Held by the background process. */
  get backgroundClaim(): string {
    return claimOfBackground(new LocalCache(this.cache));
  }

  /** The environment of a command that finds the shims first, and then the venv's own tools. */
  environment(venv: Venv, more: Env = {}): Env {
    return { ...this.env, PATH: [this.shims, venv.bin, this.env['PATH']].join(delimiter), ...more };
  }

  /** `pip ARG…` through the shim, in front of an environment's own pip. */
  pip(venv: Venv, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return run('pip', args, { cwd: this.env['HOME'] ?? '/', ...options, env: this.environment(venv, options.env) });
  }

  /** `pip install ARG…`, and then waits until what it brought is in the cache and in the store. */
  async fill(venv: Venv, args: readonly string[], options: RunOptions = {}): Promise<void> {
    const { code, stdout, stderr } = await this.pip(venv, ['install', ...args], options);
    if (code !== 0) throw new Error(`pip install ${args.join(' ')}: ${code}\n${stdout}\n${stderr}`);
    await this.settle();
  }

  /** `pkg-cache ARG…`. */
  cli(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const PATH = [this.shims, this.env['PATH']].join(delimiter);
    return run('pkg-cache', args, { cwd: '/', ...options, env: { ...this.env, PATH, ...options.env } });
  }

  /** Waits until everything spooled is done. */
  async settle(): Promise<void> {
    const PATH = [this.shims, this.env['PATH']].join(delimiter);
    await mustRun('pkg-cache', ['flush'], { cwd: '/', env: { ...this.env, PATH } });
  }

  async rows(): Promise<StatusRow[]> {
    const { stdout } = await this.cli(['status', '--json']);
    return (JSON.parse(stdout) as { entries: StatusRow[] }).entries;
  }

  /** What is cached, as `name==version`, sorted. */
  async cached(): Promise<string[]> {
    const rows = await this.rows();
    return rows.filter(({ status }) => status === 'cached' || status === 'pending').map((row) => `${row.package}==${row.version}`).sort();
  }

  /** What the log of background work says. */
  log(): string[] {
    const files = new DayFiles(join(this.cache, 'v1/state/log'));
    return files.days().flatMap((day) => files.read(day).map((record) => (record as { message: string }).message));
  }
}
