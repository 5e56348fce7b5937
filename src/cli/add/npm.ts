import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { unsafePath } from '../../archive/paths.ts';
import type { LocalCache } from '../../cache/local.ts';
import type { Env } from '../../config.ts';
import { PkgCacheError } from '../../errors.ts';
import { HIDDEN_LOCKFILE } from '../../npm/lockfile.ts';
import { packageKey } from '../../npm/entry.ts';
import { comesInBundle, isInstalled, nameAt, parseLock, readLock, type Lock } from '../../npm/lockfile.ts';
import { LIFECYCLE } from '../../npm/project.ts';
import { runShim } from './shim.ts';
import type { Installed, Wish } from './wish.ts';

/** Installs packages by name into an empty project in `directory`. */
export async function installWithNpm({ words, more }: Wish, directory: string, env: Env, umask: number): Promise<number> {
  writeFileSync(join(directory, 'package.json'), '{"name":"add","version":"0.0.0","private":true}\n');
  return await runShim('npm', ['install', '--prefix', directory, ...words, ...more], env, umask);
}

/**
 * Installs what a lockfile says into a copy of its project: manifests, lockfile and .npmrc, nothing else. Scripts of the project itself are not
 * run, since what they need is not there; those of its dependencies are. Throws USAGE.
 */
export async function installLockfile(file: string, { more }: Wish, directory: string, env: Env, umask: number): Promise<number> {
  copyProject(resolve(dirname(file)), basename(file), directory);
  return await runShim('npm', ['ci', '--prefix', directory, ...more], env, umask);
}

function copyProject(from: string, name: string, to: string): void {
  const text = read(join(from, name));
  const roots = [...parseLock(text).packages.keys()].filter((location) => !isInstalled(location));
  for (const root of roots) {
    if (root !== '' && unsafePath(root) !== undefined) throw new PkgCacheError('USAGE', `${root} is not below the project`);
    mkdirSync(join(to, root), { recursive: true });
    writeFileSync(join(to, root, 'package.json'), withoutScripts(read(join(from, root, 'package.json'))));
  }
  writeFileSync(join(to, name), text);
  if (existsSync(join(from, '.npmrc'))) copyFileSync(join(from, '.npmrc'), join(to, '.npmrc'));
}

/** The text stays what it is where there is nothing to take out: npm is recognised by it the next time. */
function withoutScripts(text: string): string {
  const manifest = JSON.parse(text) as { scripts?: Record<string, unknown> };
  if (!LIFECYCLE.some((name) => manifest.scripts?.[name] !== undefined)) return text;
  const scripts = Object.fromEntries(Object.entries(manifest.scripts ?? {}).filter(([name]) => !LIFECYCLE.includes(name)));
  return JSON.stringify({ ...manifest, scripts }, null, 2);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new PkgCacheError('USAGE', `${path} cannot be read`, { hint: 'a lockfile is added together with the package.json beside it' });
  }
}

/** A lockfile that is not there: npm leaves none where it has installed nothing. */
const NOTHING: Pick<Lock, 'packages'> = { packages: new Map() };

/** What npm has installed there from a registry, and what of it the cache has. */
export function installedByNpm(directory: string, cache: LocalCache): Installed[] {
  const { packages } = readLock(join(directory, HIDDEN_LOCKFILE)) ?? NOTHING;
  return [...packages].flatMap(([location, { name = nameAt(location), version = '', integrity, link }]) => {
    if (!isInstalled(location) || link === true || comesInBundle(location, packages)) return [];
    return [{ what: `${name}@${version}`, entry: integrity === undefined ? undefined : cache.lookup(packageKey(name, version, integrity))?.dir }];
  });
}
