import type { DependencyType } from './omit.ts';
import type { Registries } from './registry.ts';
import type { NpmMessage } from './warnings.ts';

/** Whether npm installs what comes from there (`allow-…`): always, never, or only if the project itself asks for it. */
export type Allowance = 'all' | 'none' | 'root';

/** An `npm ci`, or an `npm install` without packages, that was understood in every detail. Paths are absolute. */
export interface NpmRequest extends Registries {
  readonly command: 'ci' | 'install';
  /** The project: npm's `localPrefix`. */
  readonly prefix: string;
  /** There is a package.json in it. */
  readonly hasPackage: boolean;
  readonly globalPrefix: string;
  /** npm's cache, whose content lies in its `_cacache`. */
  readonly cache: string;
  /** What is left out, by any of `omit`, `include`, `production`, NODE_ENV and so on. */
  readonly omit: ReadonlySet<DependencyType>;
  readonly ignoreScripts: boolean;
  readonly foregroundScripts: boolean;
  readonly scriptShell?: string;
  readonly dangerouslyAllowAllScripts: boolean;
  readonly binLinks: boolean;
  readonly engineStrict: boolean;
  /** Also switches platform checks, and those of `devEngines`, off. */
  readonly force: boolean;
  readonly legacyPeerDeps: boolean;
  readonly strictPeerDeps: boolean;
  /** What packages are chosen for, if not for this machine. */
  readonly cpu?: string;
  readonly os?: string;
  readonly libc?: string;
  readonly allow: Readonly<Record<'directory' | 'file' | 'git' | 'remote', Allowance>>;
  /** Only releases of a certain age (`before`, `min-release-age`). Of no account where a lockfile names every release. */
  readonly releaseDates: boolean;
  readonly replaceRegistryHost: string;
  readonly offline: boolean;
  readonly preferOffline: boolean;
  readonly preferOnline: boolean;
  /** For lockfiles that are written. */
  readonly omitLockfileRegistryResolved: boolean;
  readonly lockfileVersion?: number;
  /** npm's own, which adds to the process's. */
  readonly umask: number;
  readonly loglevel: string;
  readonly json: boolean;
  /** `true`: if it is a terminal. */
  readonly color: boolean | 'always';
  /** Undefined: npm decides by terminal and CI. */
  readonly progress?: boolean;
  readonly fund: boolean;
  readonly audit: boolean;
  /** What npm says on stderr before it begins, if `loglevel` lets it. */
  readonly warnings: readonly NpmMessage[];
  /** What npm adds to the environment of scripts; may hold credentials (of a proxy, say). See `script-env.ts` for what is missing. */
  readonly scriptEnv: Readonly<Record<string, string>>;
  readonly nodeVersion: string;
  readonly npmVersion: string;
}

/**
 * What an argv means.
 * `other`: no install in a project; not to be watched. `passthrough`: an install for the real npm alone; with `observe`, every
 * detail was understood, so that what it brings may be cached afterwards. `install`: may be served.
 */
export type NpmRecognition =
  | { readonly kind: 'other'; readonly reason: string }
  | { readonly kind: 'passthrough'; readonly reason: string; readonly observe: false }
  | { readonly kind: 'passthrough'; readonly reason: string; readonly observe: true; readonly request: NpmRequest }
  | { readonly kind: 'install'; readonly request: NpmRequest };
