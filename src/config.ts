import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LinkMode } from './cache/copy.ts';
import { PkgCacheError } from './errors.ts';

/** An environment as modules get to see it; only this file reads the process's own. */
export type Env = Readonly<Record<string, string | undefined>>;

/** What can be set, by environment variable or in the config file. */
export interface Settings {
  /** Absolute; undefined: nothing is cached. */
  readonly cacheDir: string | undefined;
  /** `s3://bucket/prefix`, a directory or a `file://` URL; undefined: local cache only. */
  readonly store: string | undefined;
  readonly linkMode: LinkMode;
  /** Whether the background process makes ready copies. */
  readonly readyCopies: boolean;
}

interface Source {
  readonly name: string;
  readonly value: string;
}

const LINK_MODES: Readonly<Record<string, LinkMode>> = { private: 'private', hardlink: 'hardlink' };
const SWITCH: Readonly<Record<string, boolean>> = { on: true, off: false };

/** The process's environment. */
export function processEnv(): Env {
  return process.env;
}

/** The user's home directory. */
export function homeDirectory(): string {
  return homedir();
}

/** The config file that install.sh writes: `<prefix>/config`, where the app is below `<prefix>/app/<build>/`. */
export function configFile(): string {
  return join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'config');
}

/**
 * The settings in effect: environment over config file over default; an empty value counts as not set.
 * Throws CONFIG, naming the variable or the file's line, for a value that cannot be used.
 */
export function readSettings(env: Env, file: string): Settings {
  const configured = readConfigFile(file);
  const source = (key: string): Source | undefined => {
    const variable = `PKG_CACHE_${key === 'cache_dir' ? 'DIR' : key.toUpperCase()}`;
    const value = env[variable];
    return value === undefined || value === '' ? configured.get(key) : { name: variable, value };
  };
  return {
    cacheDir: directory(source('cache_dir')),
    store: location(source('store')),
    linkMode: oneOf(source('link_mode'), LINK_MODES, 'private'),
    readyCopies: oneOf(source('ready_copies'), SWITCH, true),
  };
}

const KEYS = ['cache_dir', 'store', 'link_mode', 'ready_copies'];

function readConfigFile(file: string): Map<string, Source> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return new Map();
  }
  const found = new Map<string, Source>();
  text.split(/\r?\n/).forEach((raw, index) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    const name = `${file}, line ${index + 1}`;
    const equals = line.indexOf('=');
    const key = line.slice(0, equals).trim();
    if (equals === -1 || !KEYS.includes(key)) throw new PkgCacheError('CONFIG', `${name}: unknown setting`, { hint: `known are ${KEYS.join(', ')}` });
    const value = line.slice(equals + 1).trim();
    if (value !== '') found.set(key, { name, value });
  });
  return found;
}

function directory(source: Source | undefined): string | undefined {
  if (source === undefined) return undefined;
  if (!isAbsolute(source.value)) throw new PkgCacheError('CONFIG', `${source.name}: ${source.value} is not an absolute path`);
  return resolve(source.value);
}

function location(source: Source | undefined): string | undefined {
  if (source === undefined || /^(s3|file):\/\/./.test(source.value) || isAbsolute(source.value)) return source?.value;
  throw new PkgCacheError('CONFIG', `${source.name}: the store is neither s3://bucket/prefix nor a directory`);
}

function oneOf<T>(source: Source | undefined, values: Readonly<Record<string, T>>, otherwise: T): T {
  if (source === undefined) return otherwise;
  const value = Object.hasOwn(values, source.value) ? values[source.value] : undefined;
  if (value === undefined) throw new PkgCacheError('CONFIG', `${source.name}: ${source.value} is none of ${Object.keys(values).join(', ')}`);
  return value;
}
