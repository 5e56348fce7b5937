import { isAbsolute, resolve } from 'node:path';
import type { LinkMode } from './cache/copy.ts';

/** How the text of a setting is read. */
export interface SettingType<T> {
  /** What may be written there, for people. */
  readonly takes: string;
  /** Undefined for a text that means nothing. */
  readonly parse: (text: string) => T | undefined;
  /** What is wrong with a text that means nothing; without the text itself where that may hold a credential. */
  readonly complain: (text: string) => string;
  /** A list: what several lines, files or the environment say adds up. */
  readonly list?: true;
}

/** A row of the table of settings. */
export interface Setting<T> {
  /** In config files. */
  readonly key: string;
  /** In the environment. */
  readonly variable: string;
  readonly type: SettingType<T>;
  /** As one would write it; undefined: not set. */
  readonly fallback: string | undefined;
  /** A sentence or two, in Markdown. */
  readonly meaning: string;
}

const DIRECTORY: SettingType<string> = {
  takes: 'an absolute path',
  parse: (text) => (isAbsolute(text) ? resolve(text) : undefined),
  complain: (text) => `${text} is not an absolute path`,
};

const LOCATION: SettingType<string> = {
  takes: '`s3://bucket/prefix`, an absolute path, or a `file://` URL',
  parse: (text) => (/^(s3|file):\/\/./.test(text) || isAbsolute(text) ? text : undefined),
  complain: () => 'the store is neither s3://bucket/prefix nor a directory',
};

function oneOf<T>(values: Readonly<Record<string, T>>): SettingType<T> {
  const names = Object.keys(values);
  return {
    takes: names.map((name) => `\`${name}\``).join(', '),
    parse: (text) => (Object.hasOwn(values, text) ? values[text] : undefined),
    complain: (text) => `${text} is none of ${names.join(', ')}`,
  };
}

const SWITCH = oneOf({ on: true, off: false });

function setting<T>(key: string, type: SettingType<T>, fallback: string, meaning: string): Setting<T> {
  return { key, variable: `PKG_CACHE_${key.toUpperCase()}`, type, fallback, meaning };
}

/** One that need not be set. */
function optional<T>(key: string, type: SettingType<T>, meaning: string): Setting<T | undefined> {
  return { key, variable: `PKG_CACHE_${key.toUpperCase()}`, type, fallback: undefined, meaning };
}

/** Everything that can be set. docs/configuration.md has the same rows, which a test compares. */
export const SETTINGS = {
  cacheDir: { ...optional('cache_dir', DIRECTORY, 'The local cache. Not set: nothing is cached. `install.sh` sets `${XDG_CACHE_HOME:-~/.cache}/pkg-cache`.'), variable: 'PKG_CACHE_DIR' },
  store: optional('store', LOCATION, 'Where packages are shared. Not set: local cache only.'),
  linkMode: setting<LinkMode>('link_mode', oneOf({ private: 'private', hardlink: 'hardlink' }), 'private', '`private`: installed files are reflinks or copies. `hardlink`: they share the cache\'s inodes. [What that costs](compatibility.md#edits-in-place-and-link-modes)'),
  readyCopies: setting('ready_copies', SWITCH, 'on', 'pip, sets of 500 files and more: packages that were used are copied once more in the background, so that the next install is a rename. `off` saves that disk.'),
} as const;

type Value<S> = S extends Setting<infer T> ? T : never;

/** The value of each setting. */
export type Settings = { readonly [Name in keyof typeof SETTINGS]: Value<(typeof SETTINGS)[Name]> };

/** The rows, whatever they hold. */
export const ROWS: readonly (readonly [keyof Settings, Setting<unknown>])[] = Object.entries(SETTINGS) as [keyof Settings, Setting<unknown>][];
