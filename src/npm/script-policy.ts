import { comesInBundle, isInstalled, nameAt, type Lock, type LockPackage } from './lockfile.ts';
import type { Project } from './project.ts';
import { compareVersions } from './recognise/version.ts';
import type { NpmRequest } from './recognise/request.ts';

/** Where a package's scripts are allowed or denied: `allowScripts` of the project's package.json, by spec. */
export type AllowScripts = Readonly<Record<string, unknown>>;

/** What is known of a project that decides which install scripts npm runs. */
export interface ScriptPolicy {
  readonly lock: Lock;
  /** Text of the project's own package.json. */
  readonly manifest: string;
}

/** Of a project. */
export function scriptPolicy({ lock, manifests }: Pick<Project, 'lock' | 'manifests'>): ScriptPolicy {
  return { lock, manifest: manifests.get('') ?? '{}' };
}

/**
 * The packages of a lockfile whose install scripts npm may run, by location: those that the lockfile says have some, unless scripts are ignored,
 * or npm's policy is against it. npm 11.16 and later leave out what `allowScripts` denies, npm 12 also what it does not allow
 * (arborist, rebuild.js and script-allowed.js). `.npmrc` may have a policy as well, with which nothing is served (`allow-scripts`).
 */
export function withScripts({ lock: { packages }, manifest }: ScriptPolicy, request: NpmRequest): string[] {
  if (request.ignoreScripts) return [];
  const isAllowed = policyOf(manifest, request);
  return [...packages].flatMap(([location, entry]) => (hasScripts(location, entry, packages) && isAllowed(location, entry) ? [location] : []));
}

function hasScripts(location: string, { hasInstallScript, link }: LockPackage, packages: Lock['packages']): boolean {
  return isInstalled(location) && hasInstallScript === true && link !== true && !comesInBundle(location, packages);
}

type IsAllowed = (location: string, entry: LockPackage) => boolean;

function policyOf(manifest: string, { npmVersion, dangerouslyAllowAllScripts }: NpmRequest): IsAllowed {
  if (dangerouslyAllowAllScripts || compareVersions(npmVersion, '11.16.0') < 0) return () => true;
  const rules = Object.entries(allowScriptsOf(manifest));
  const unlessDenied = compareVersions(npmVersion, '12.0.0') < 0;
  return (location, entry) => {
    const of = (value: boolean): boolean => rules.some(([spec, given]) => given === value && matches(spec, location, entry, { strictly: value }));
    return !of(false) && (unlessDenied || of(true));
  };
}

function allowScriptsOf(manifest: string): AllowScripts {
  const { allowScripts } = Object(JSON.parse(manifest)) as { allowScripts?: unknown };
  return typeof allowScripts === 'object' && allowScripts !== null ? (allowScripts as AllowScripts) : {};
}

/**
 * Whether a spec of `allowScripts` is about a package of a registry: `name`, `name@*`, `name@1.0.0`, `name@1.0.0 || 1.0.1`. npm goes by the
 * name and version in the URL of the tarball. Where the lockfile leaves URLs out, `strictly` means that the version is not known.
 */
function matches(spec: string, location: string, { name, version, resolved }: LockPackage, { strictly }: { readonly strictly: boolean }): boolean {
  const [, wanted, versions = '*'] = /^((?:@[^@/]+\/)?[^@/]+)(?:@(.*))?$/.exec(spec.trim()) ?? [];
  if (wanted !== (name ?? nameAt(location)) || (resolved !== undefined && !isTarballOf(resolved, wanted, version ?? ''))) return false;
  if (versions.trim() === '' || versions.trim() === '*') return true;
  return versions.split('||').some((one) => one.trim().replace(/^[=v]+/, '') === version) && !(strictly && resolved === undefined);
}

/** Whether a URL is that of a release in a registry (arborist, version-from-tgz.js). */
function isTarballOf(url: string, name: string, version: string): boolean {
  return /^https?:\/\//.test(url) && url.replace(/%2f/gi, '/').endsWith(`/${name}/-/${name.split('/').at(-1) ?? ''}-${version}.tgz`);
}
