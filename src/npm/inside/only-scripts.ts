import { readFileSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { HIDDEN_LOCKFILE, nameAt, type LockPackage } from '../lockfile.ts';
import { INSTALL_EVENTS } from './events.ts';
import type { ScriptsPlan } from './plan.ts';
import type { RunScript } from './scripts.ts';

/** What is used of npm, in `lib/npm.js`. */
interface Npm {
  readonly config: { readonly get: (key: string) => unknown };
  load(): Promise<unknown>;
}

/**
 * Runs the install scripts of some packages of a tree that is in place, as the npm in `directory` would when it had put it there: with its own
 * settings and environment (its configuration is loaded, which sets variables), its own run-script, and in its order. Nothing is printed. Ends the
 * process: with 0 if all have succeeded, with 1 otherwise. Then it is for npm to install, and to say what is wrong.
 */
export async function runOnlyScripts({ prefix, command, runs }: ScriptsPlan, directory: string): Promise<never> {
  try {
    const load = createRequire(join(directory, 'package.json'));
    const NpmClass = load('./lib/npm.js') as new (options: object) => Npm;
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    const npm = new NpmClass({ stdout: nowhere, stderr: nowhere });
    await npm.load();
    const shell = npm.config.get('script-shell');
    const run = load('@npmcli/run-script') as RunScript;
    await runAll(await packagesAt(load, prefix, runs), ({ env, ...options }) => run({ ...options, env: { ...env, npm_command: command }, stdio: 'pipe', ...(typeof shell === 'string' && shell !== '' && { scriptShell: shell }) }));
    const now = Date.now() / 1000;
    utimesSync(join(prefix, HIDDEN_LOCKFILE), now, now); // npm believes it only if nothing is newer
    return end(0);
  } catch {
    return end(1);
  }
}

/** What npm has opened, such as its log, would keep the process alive. */
function end(code: number): never {
  // eslint-disable-next-line no-restricted-properties -- as npm itself ends (exit-handler.js)
  process.exit(code);
}

/** A package as arborist has it when it runs its scripts: what the lockfile says, and the scripts of its package.json. */
interface Package {
  readonly location: string;
  readonly path: string;
  readonly scripts: Readonly<Record<string, unknown>>;
  readonly entry: LockPackage;
}

async function packagesAt(load: (id: string) => unknown, prefix: string, runs: readonly string[]): Promise<Package[]> {
  const { packages } = JSON.parse(readFileSync(join(prefix, HIDDEN_LOCKFILE), 'utf8')) as { packages: Record<string, LockPackage> };
  const PackageJson = load('@npmcli/package-json') as { normalize(path: string): Promise<{ content: { scripts?: Record<string, unknown> } }> };
  const compare = load('@isaacs/string-locale-compare') as (locale: string) => (a: string, b: string) => number;
  const found = runs.map(async (location): Promise<Package> => {
    const path = resolve(prefix, location);
    const { content } = await PackageJson.normalize(path);
    return { location, path, scripts: content.scripts ?? {}, entry: packages[location] ?? {} };
  });
  return (await Promise.all(found)).sort((a, b) => depthOf(a.location) - depthOf(b.location) || compare('en')(a.path, b.path));
}

/** In the tree, not on disk. */
function depthOf(location: string): number {
  return location.split('node_modules/').length - 1;
}

/** One event after the other, and so many packages at once as npm does (promise-call-limit). */
async function runAll(packages: readonly Package[], run: (options: RunOptions) => Promise<unknown>): Promise<void> {
  for (const event of INSTALL_EVENTS) {
    const queue = packages.filter(({ scripts }) => typeof scripts[event] === 'string' && scripts[event] !== '').values();
    const work = async (): Promise<void> => {
      for (const each of queue) await run(optionsOf(each, event));
    };
    await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, work));
  }
}

type RunOptions = ReturnType<typeof optionsOf>;

/** arborist, rebuild.js, `#runScripts`. */
function optionsOf({ location, path, scripts, entry }: Package, event: string) {
  const { name = nameAt(location), version, resolved, integrity, optional, dev, peer, devOptional, engines, bin } = entry;
  const flag = (value: unknown): string => (value === true ? '1' : '');
  const env = {
    npm_package_resolved: resolved ?? null,
    npm_package_integrity: integrity ?? null,
    npm_package_json: join(path, 'package.json'),
    npm_package_optional: flag(optional),
    npm_package_dev: flag(dev),
    npm_package_peer: flag(peer),
    npm_package_dev_optional: flag(devOptional === true && dev !== true && optional !== true),
  };
  return { event, path, env, pkg: { _id: `${name}@${version ?? ''}`, name, version, engines, bin, scripts } };
}
