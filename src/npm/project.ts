import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { PkgCacheError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { isInstalled, readBytes, unreadLock, type Lock } from './lockfile.ts';
import type { NpmRequest } from './recognise/request.ts';

/** Scripts of a project or workspace that an install runs (lib/commands/ci.js; arborist, rebuild.js and reify.js). */
export const LIFECYCLE = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare', 'predependencies', 'dependencies', 'postdependencies'];

/** What npm only looks at in some versions, or checks against the machine. */
const SPECIAL = ['devEngines', 'packageExtensions'];

interface Manifest {
  readonly text: string;
  readonly isNamed: boolean;
  readonly scripts: Readonly<Record<string, unknown>>;
  readonly workspaces: readonly string[];
}

/** All that lies in a project and that npm goes by. */
export interface Project {
  readonly directory: string;
  readonly lock: Lock;
  /** Hex SHA-256 of the lockfile. */
  readonly lockHash: string;
  /** Text of package.json by directory; '' is the project itself. */
  readonly manifests: ReadonlyMap<string, string>;
  /** Directories with a node_modules that npm fills, '' first. */
  readonly roots: readonly string[];
  /** Those of them whose node_modules `npm ci` empties first: the project and its workspaces. */
  readonly emptied: ReadonlySet<string>;
  /** That of its directory, where package.json has none: npm writes it into lockfiles (arborist, shrinkwrap.js). */
  readonly borrowedName: string | undefined;
  /** Whether the project or a workspace has scripts that an install runs. */
  readonly hasScripts: boolean;
}

/** Reads a project. Throws UNRECOGNISED where something is missing, or is such that only npm can tell what it means. */
export function readProject(directory: string): Project {
  return look(directory, outsideOf);
}

/** Reads a project once more. Throws as `readProject` does. */
export function readAgain(before: Project): Project {
  return look(before.directory, outsideOf, before);
}

/**
 * As `readProject`, without a look into the lockfile: only workspaces are taken to lie outside of node_modules. Where that is wrong, the project's
 * fingerprint is one that no tree has, because equal lockfiles never came with these manifests.
 */
export function guessProject(directory: string): Project {
  return look(directory, (_lock, workspaces) => workspaces);
}

/** The project that was guessed, if its lockfile, which is read now, bears that out; else what there is now. Throws as `readProject` does. */
export function confirmProject(guess: Project): Project {
  const roots = ['', ...outsideOf(guess.lock).sort()];
  return roots.length === guess.roots.length && roots.every((root, index) => root === guess.roots[index]) ? guess : readProject(guess.directory);
}

/** The directories of a lockfile that lie outside of node_modules, without the project's own. */
function outsideOf({ packages }: Lock): string[] {
  return [...packages.keys()].filter((location) => location !== '' && !isInstalled(location));
}

/** `outside` says what npm fills besides the project itself. A lockfile that is the same as `before` is not parsed again. */
function look(directory: string, outside: (lock: Lock, workspaces: readonly string[]) => readonly string[], before?: Project): Project {
  if (existsSync(join(directory, 'npm-shrinkwrap.json'))) throw unrecognised('there is an npm-shrinkwrap.json');
  const bytes = readBytes(join(directory, 'package-lock.json'));
  if (!bytes) throw unrecognised('there is no package-lock.json');
  const lockHash = sha256(bytes);
  const lock = before?.lockHash === lockHash ? before.lock : unreadLock(bytes);
  const own = readManifest(directory);
  const workspaces = findWorkspaces(directory, own.workspaces);
  const roots = ['', ...[...outside(lock, workspaces)].sort()];
  const manifests = new Map(roots.map((root) => [root, root === '' ? own : readManifest(join(directory, root))]));
  const known = new Set(roots);
  for (const workspace of workspaces) {
    if (!known.has(workspace)) throw unrecognised(`the workspace ${workspace} is not in the lockfile`);
  }
  const hasScripts = roots.some((root) => LIFECYCLE.some((name) => manifests.get(root)?.scripts[name] !== undefined) || existsSync(join(directory, root, 'binding.gyp')));
  return { directory, lock, lockHash, manifests: new Map([...manifests].map(([root, { text }]) => [root, text])), roots, emptied: new Set(['', ...workspaces]), borrowedName: own.isNamed ? undefined : basename(directory), hasScripts };
}

/**
 * A hash over all that decides what npm makes of a project: the project, the npm and the Node, the machine, and the settings. Equal hashes,
 * equal trees.
 */
export function fingerprint(project: Project, request: NpmRequest, platform: string): string {
  const { command, omit, ignoreScripts, dangerouslyAllowAllScripts, binLinks, engineStrict, force, legacyPeerDeps, strictPeerDeps, cpu, os, libc, allow, umask } = request;
  const { replaceRegistryHost, omitLockfileRegistryResolved, lockfileVersion, npmVersion, nodeVersion } = request;
  const settings = { command, omit: [...omit].sort(), ignoreScripts, dangerouslyAllowAllScripts, binLinks, engineStrict, force, legacyPeerDeps, strictPeerDeps, cpu, os, libc, allow, umask };
  const writing = { replaceRegistryHost, omitLockfileRegistryResolved, lockfileVersion };
  const registries = { registry: request.registry, scopes: [...request.scopes].sort() };
  return sha256(JSON.stringify([3, npmVersion, nodeVersion, platform, settings, writing, registries, [...project.manifests], project.borrowedName, project.lockHash]));
}

function readManifest(directory: string): Manifest {
  let text: string;
  let value: Readonly<Record<string, unknown>>;
  try {
    text = readFileSync(join(directory, 'package.json'), 'utf8');
    value = Object(JSON.parse(text)) as typeof value;
  } catch (cause) {
    throw new PkgCacheError('UNRECOGNISED', `${join(directory, 'package.json')} cannot be read`, { cause });
  }
  const special = SPECIAL.find((name) => value[name] !== undefined);
  if (special !== undefined) throw unrecognised(`${special} in package.json`);
  const { workspaces } = value;
  const patterns: unknown = Array.isArray(workspaces) ? workspaces : ((workspaces as { packages?: unknown } | undefined)?.packages ?? []);
  if (!Array.isArray(patterns) || patterns.some((pattern) => typeof pattern !== 'string')) throw unrecognised('odd workspaces');
  const scripts = Object(value['scripts']) as Record<string, unknown>;
  const { name } = value;
  return { text, isNamed: typeof name === 'string' && name !== '', scripts, workspaces: patterns as string[] };
}

/** The directories that patterns of workspaces name: literally, or by a `*` at the end (@npmcli/map-workspaces knows more). */
function findWorkspaces(directory: string, patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) => {
    const path = pattern.replace(/^\.\//, '').replace(/\/+$/, '');
    const [, parent, star] = /^((?:[\w@.-]+\/)*)([\w@.-]+|\*)$/.exec(path) ?? [];
    if (parent === undefined || star === undefined || /(^|\/)\.{1,2}(\/|$)/.test(path)) throw unrecognised(`workspaces ${pattern}`);
    const candidates = star === '*' ? listDirectories(join(directory, parent)).map((name) => parent + name) : [path];
    return candidates.filter((candidate) => !candidate.includes('node_modules') && existsSync(join(directory, candidate, 'package.json')));
  });
}

function listDirectories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [] : [entry.name]));
  } catch {
    return [];
  }
}

function unrecognised(why: string): PkgCacheError {
  return new PkgCacheError('UNRECOGNISED', why);
}
