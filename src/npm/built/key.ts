import { arch } from 'node:os';
import type { EntryKey } from '../../cache/entry.ts';
import type { Env } from '../../config.ts';
import { sha256 } from '../../hash.ts';
import { imageName } from '../../image.ts';
import { nameAt, type Lock } from '../lockfile.ts';
import { libcName } from '../platform.ts';
import type { NpmRequest } from '../recognise/request.ts';
import { closureOf } from './closure.ts';

/** What an entry knows of a package as its own install scripts have left it, beyond its files. Paths are relative to the package. */
export interface BuiltMeta {
  /** Of the tarball that was built. */
  readonly integrity: string;
  readonly links: readonly (readonly [path: string, target: string])[];
  /** Directories without a file in them. */
  readonly directories: readonly string[];
  /** Why its scripts have to run every time; then the entry has none of the package's files. */
  readonly runs?: Runs;
  /** Variables that its scripts read, as far as their texts say, each with a hash of the value that it had (evidence.ts). */
  readonly variables?: readonly (readonly [name: string, value: string])[];
}

/**
 * `same`: they left the package as its tarball has it, so that what they do they may do elsewhere. `around`: they look at the project or its
 * repository. `outside`: they wrote elsewhere.
 */
export type Runs = 'same' | 'around' | 'outside';

/** Of what a package is built, by the lockfile. */
export interface Ingredients {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  /** See closure.ts. */
  readonly closure: readonly string[];
}

/** Under what scripts run. */
export interface BuildContext {
  readonly request: NpmRequest;
  readonly env: Env;
  /** `process.versions.modules` of the Node that npm runs. */
  readonly nodeAbi: string;
  /** See toolchain.ts. */
  readonly toolchain: string;
}

/** Undefined for a package without integrity. */
export function ingredientsOf(location: string, lock: Lock): Ingredients | undefined {
  const { name = nameAt(location), version, integrity } = lock.packages.get(location) ?? {};
  return version === undefined || integrity === undefined ? undefined : { name, version, integrity, closure: closureOf(lock, location) };
}

/**
 * The key of a package as its install scripts leave it. It holds all that scripts which keep to their
 * own package may go by: the tarball, those of the packages that it depends on, npm (which brings node-gyp), machine and image, what there is to
 * compile with, whether this is CI, and the variables that are meant for compilers, for npm, or for this package.
 */
export function builtKey({ name, version, integrity, closure }: Ingredients, { request, env, nodeAbi, toolchain }: BuildContext): EntryKey {
  const { npmVersion, scriptShell } = request;
  const goneBy = [VERSION, integrity, closure, npmVersion, scriptShell ?? '', toolchain, ciOf(env), variablesFor(name, { ...env, ...request.scriptEnv })];
  return { ecosystem: 'npm', name, version, platform: platformOf(nodeAbi), origin: sha256(JSON.stringify(goneBy)).slice(0, 32) };
}

/** The key of what says that the scripts of a package were seen to write elsewhere, under whatever conditions. */
export function outsideKey({ name, version, integrity }: Ingredients, { nodeAbi }: Pick<BuildContext, 'nodeAbi'>): EntryKey {
  return { ecosystem: 'npm', name, version, platform: platformOf(nodeAbi), origin: sha256(JSON.stringify([VERSION, 'outside', integrity])).slice(0, 32) };
}

/** Another one leaves all entries behind that were made before. 1 shared what a script left that had found nothing to do where it ran. */
const VERSION = 2;

function platformOf(nodeAbi: string): string {
  return `node-abi${nodeAbi}-${process.platform}-${arch()}-${libcName()}+${imageName()}`;
}

/** Whether this is CI, by what scripts ask for it (ci-info, is-ci): the names of its variables, and the value of the one that can say no. */
function ciOf(env: Env): (string | undefined)[] {
  return [env['CI'], ...CI_VARIABLES.filter((name) => env[name] !== undefined)];
}

const CI_VARIABLES = ['APPVEYOR', 'BITBUCKET_COMMIT', 'BUILDKITE', 'BUILD_ID', 'BUILD_NUMBER', 'CIRCLECI', 'CI_APP_ID', 'CI_BUILD_ID', 'CI_BUILD_NUMBER', 'CI_NAME', 'CODEBUILD_BUILD_ARN', 'CONTINUOUS_INTEGRATION', 'DRONE', 'GITHUB_ACTIONS', 'GITLAB_CI', 'JENKINS_URL', 'NETLIFY', 'NOW_BUILDER', 'RUN_ID', 'TEAMCITY_VERSION', 'TF_BUILD', 'TRAVIS', 'VERCEL'];

/** What compilers, make, node-gyp and Node look at. */
const TOOLCHAIN = /^(?:CC|CXX|AR|LD|AS|NM|RANLIB|(?:C|CXX|CPP|LD)FLAGS|LDLIBS|GYP_\w+|MAKE|MAKEFLAGS|PYTHON|NODE_GYP_\w+|PKG_CONFIG_\w+|CARGO_\w+|RUST\w+|SDKROOT|MACOSX_DEPLOYMENT_TARGET|NODE_OPTIONS|NODE_ENV|V)$/;

/** Settings of npm that say where something is, who asks, or how it is shown. */
const INERT_SETTING = /(?:prefix|cache|config|agent|execpath|auth|token|password|username|otp|email|^__|cafile|\bca\b|cert|key|noproxy|proxy|registry|loglevel|color|progress|audit|fund|update_notifier|node_gyp|local_|init_|fetch_|maxsockets|nodedir_)/;

/** The variables that a package's scripts may go by, sorted. */
function variablesFor(name: string, env: Env): [string, string][] {
  const words = name.split(/[^a-z0-9]+/i).filter((word) => word.length >= 4).map((word) => word.toUpperCase());
  const whole = name.replace(/[^a-z0-9]/gi, '').toUpperCase();
  const matters = (variable: string): boolean => {
    const setting = /^npm_config_(.*)$/i.exec(variable)?.[1];
    if (setting !== undefined) return !INERT_SETTING.test(setting.toLowerCase());
    const plain = variable.toUpperCase();
    return TOOLCHAIN.test(variable) || plain.replace(/_/g, '').includes(whole) || words.some((word) => plain.includes(word));
  };
  return Object.entries(env)
    .flatMap(([variable, value]): [string, string][] => (value !== undefined && matters(variable) ? [[variable, value]] : []))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
