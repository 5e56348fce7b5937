import type { Configuration } from './configuration.ts';
import { omitted } from './omit.ts';
import { refuse } from './refuse.ts';
import { registriesOf } from './registry.ts';
import type { Allowance, NpmRequest } from './request.ts';
import { scriptEnvironment } from './script-env.ts';
import type { Value } from './value-types.ts';

/** The request that a configuration amounts to. Throws UNRECOGNISED for values that make no sense of a key. */
export function buildRequest(config: Configuration, command: NpmRequest['command']): NpmRequest {
  const { facts, local } = config;
  const left = omitted(config.layers);
  return {
    command,
    prefix: local.path,
    hasPackage: local.hasPackage,
    globalPrefix: config.globalPrefix,
    omit: left.types,
    ...registriesOf(config),
    ...switches(config),
    ...optionalTexts(config),
    ...outputs(config),
    allow: { directory: allowance(config, 'directory'), file: allowance(config, 'file'), git: allowance(config, 'git'), remote: allowance(config, 'remote') },
    warnings: config.warnings,
    scriptEnv: scriptEnvironment(config, left),
    nodeVersion: facts.nodeVersion,
    npmVersion: facts.version,
  };
}

/** Undefined for a key that this npm does not know, and so does not heed. */
function valueOf({ layers, words }: Configuration, key: string): Value {
  return words.keys.has(key) ? layers.get(key) : undefined;
}

function isOn(config: Configuration, key: string): boolean {
  return valueOf(config, key) === true;
}

function text({ layers }: Configuration, key: string): string {
  const value = layers.get(key);
  return typeof value === 'string' ? value : refuse(`no text for ${key}`);
}

function switches(config: Configuration) {
  return {
    ignoreScripts: isOn(config, 'ignore-scripts'),
    foregroundScripts: isOn(config, 'foreground-scripts'),
    dangerouslyAllowAllScripts: isOn(config, 'dangerously-allow-all-scripts'),
    binLinks: isOn(config, 'bin-links'),
    engineStrict: isOn(config, 'engine-strict'),
    force: isOn(config, 'force'),
    legacyPeerDeps: isOn(config, 'legacy-peer-deps'),
    strictPeerDeps: isOn(config, 'strict-peer-deps'),
    offline: isOn(config, 'offline'),
    preferOffline: isOn(config, 'prefer-offline'),
    preferOnline: isOn(config, 'prefer-online'),
    omitLockfileRegistryResolved: isOn(config, 'omit-lockfile-registry-resolved'),
    json: isOn(config, 'json'),
    fund: isOn(config, 'fund'),
  };
}

/** What has no value unless it is set. */
function optionalTexts(config: Configuration) {
  const { layers } = config;
  const given = <K extends string>(key: string, name: K): Partial<Record<K, string>> => {
    const value = layers.get(key);
    return value === null || value === undefined || value === '' ? {} : ({ [name]: text(config, key) } as Record<K, string>);
  };
  const version = layers.get('lockfile-version');
  const progress = layers.get('progress');
  return {
    ...given('script-shell', 'scriptShell'),
    ...given('cpu', 'cpu'),
    ...given('os', 'os'),
    ...given('libc', 'libc'),
    ...(version !== null && version !== undefined && { lockfileVersion: Number(version) }),
    ...(typeof progress === 'boolean' && { progress }),
  };
}

function outputs(config: Configuration) {
  const { layers } = config;
  const color = layers.get('color');
  const umask = layers.get('umask');
  return {
    cache: text(config, 'cache'),
    replaceRegistryHost: text(config, 'replace-registry-host'),
    loglevel: text(config, 'loglevel'),
    color: color === 'always' ? ('always' as const) : color === true,
    umask: typeof umask === 'number' ? umask : refuse('no number for umask'),
    audit: isOn(config, 'audit') && !(layers.isDefault('audit') && !inProject(config)),
    releaseDates: ['before', 'min-release-age'].some((key) => (valueOf(config, key) ?? null) !== null),
  };
}

/** Elsewhere npm does not audit unless told to (`ArboristCmd`). */
function inProject({ layers, local }: Configuration): boolean {
  return layers.get('location') === 'project' || (layers.isDefault('location') && local.hasPackage);
}

/** npms that have no such key install everything. */
function allowance(config: Configuration, what: string): Allowance {
  const value = valueOf(config, `allow-${what}`);
  return value === 'none' || value === 'root' ? value : 'all';
}
