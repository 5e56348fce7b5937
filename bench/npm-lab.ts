import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Env, Lab } from './lab.ts';
import { timed } from './measure.ts';

/** Versions of the other installers. */
export const OTHERS = { pnpm: '10.12.4', bun: '1.2.17' } as const;

/** How this machine reaches the registry. */
const WAY_TO_THE_REGISTRY = /^(NODE_EXTRA_CA_CERTS|(https?|all|no)_proxy)$/i;

/** A project (`bench/sets/<set>`; that of the cases has some 1,300 packages), with a lockfile for npm, pnpm and bun, in the lab of pip's cases. Install scripts are never run. */
export class NpmLab {
  readonly lab: Lab;
  readonly project: string;
  readonly #settings: Env;
  readonly #others = new Map<string, string>();

  constructor(lab: Lab, source: string, set = 'npm-app') {
    this.lab = lab;
    this.project = lab.path(set);
    this.#settings = { npm_config_audit: 'false', npm_config_fund: 'false', npm_config_update_notifier: 'false', npm_config_ignore_scripts: 'true', npm_config_cache: lab.path('npm-cache'), ...wayToTheRegistry() };
    cpSync(join(source, 'bench/sets', set), this.project, { recursive: true });
    this.#run('npm', ['install', '--package-lock-only'], false, wayThere());
  }

  get packages(): number {
    const { packages } = JSON.parse(readFileSync(join(this.project, 'package-lock.json'), 'utf8')) as { packages: Record<string, unknown> };
    return Object.keys(packages).length - 1;
  }

  withoutModules(): void {
    rmSync(join(this.project, 'node_modules'), { recursive: true, force: true });
  }

  /** `npm ci` by the real npm. */
  realNpm(more: Env = {}): number {
    return this.#run('npm', ['ci'], false, more).took;
  }

  /** `npm ci` (or `npm install`) through the shim. */
  shim(more: Env = {}, command: 'ci' | 'install' = 'ci'): { took: number; stdout: string } {
    return this.#run('npm', [command], true, more);
  }

  version(shims: boolean): number {
    return this.#run('npm', ['--version'], shims, {}).took;
  }

  /** `pnpm install` or `bun install` by its own lockfile and warm cache; it is fetched, and has filled its cache, at the first call. */
  other(name: 'pnpm' | 'bun'): number {
    const program = this.#others.get(name) ?? this.#fetch(name);
    const args = name === 'pnpm' ? ['install', '--frozen-lockfile', '--offline', '--ignore-scripts'] : ['install', '--frozen-lockfile', '--ignore-scripts'];
    return timed(() => this.#exec(program, args, this.lab.path(`project-${name}`)));
  }

  /** Puts away what `other` has installed. */
  withoutOthers(name: 'pnpm' | 'bun'): void {
    rmSync(this.lab.path(`project-${name}`, 'node_modules'), { recursive: true, force: true });
  }

  #fetch(name: 'pnpm' | 'bun'): string {
    const home = this.lab.path(`tool-${name}`);
    const project = this.lab.path(`project-${name}`);
    mkdirSync(home);
    execFileSync('npm', ['install', '--prefix', home, '--ignore-scripts=false', `${name}@${OTHERS[name]}`], { env: this.#environment(false, wayThere()), stdio: 'ignore' });
    const program = join(home, 'node_modules/.bin', name);
    mkdirSync(project);
    for (const file of ['package.json', 'package-lock.json']) cpSync(join(this.project, file), join(project, file));
    if (name === 'pnpm') this.#exec(program, ['import'], project, wayThere());
    this.#exec(program, ['install', '--ignore-scripts'], project, wayThere());
    if (existsSync(join(project, 'package-lock.json'))) renameSync(join(project, 'package-lock.json'), join(project, 'package-lock.old'));
    this.#others.set(name, program);
    return program;
  }

  #exec(program: string, args: readonly string[], cwd: string, more: Env = {}): void {
    execFileSync(program, args, { cwd, env: this.#environment(false, more), stdio: 'ignore' });
  }

  #run(command: string, args: readonly string[], shims: boolean, more: Env): { took: number; stdout: string } {
    let stdout = '';
    const program = shims ? join(this.lab.shims, command) : command;
    const took = timed(() => {
      stdout = execFileSync(program, args, { cwd: this.project, env: this.#environment(shims, more), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    });
    return { took, stdout };
  }

  #environment(shims: boolean, more: Env): NodeJS.ProcessEnv {
    return { ...this.lab.env(shims, { ...this.#settings, ...more }) };
  }
}

/** Which registry, and whom to trust, as the machine's npm has it. */
function wayToTheRegistry(): Env {
  const get = (key: string): string => execFileSync('npm', ['config', 'get', key], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  const cafile = get('cafile');
  return { npm_config_registry: get('registry'), ...(cafile === 'null' ? {} : { npm_config_cafile: cafile }) };
}

/** For what is fetched; certificates in the environment make every start of Node slower, which must not be measured. */
export function wayThere(): Env {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => WAY_TO_THE_REGISTRY.test(name)));
}
