import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PkgCacheError, systemCode } from './errors.ts';
import { ROWS, type Setting, type Settings } from './settings.ts';

export type { Settings } from './settings.ts';

/** An environment as modules get to see it; only this file reads the process's own. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where a value was found. */
export interface Source {
  readonly level: 'environment' | 'user' | 'installation' | 'system';
  /** The variable; or the file, and in which line. */
  readonly name: string;
  /** In what `inspectSettings` gives: as it may be shown. */
  readonly text: string;
}

/** A config file, and whose it is. */
export interface ConfigFile {
  readonly level: Exclude<Source['level'], 'environment'>;
  readonly path: string;
}

/** The caller's environment: what the shims have set aside of it is in it again (`pkgc_set_aside` in shims/pip). */
export function processEnv(): Env {
  const { PKG_CACHE_CALLERS: names } = process.env;
  return names === undefined ? process.env : (callers ??= restored(process.env, names.split(' ')));
}

/** The process's environment as it is: for processes of ours, which start without what the shims have set aside. */
export function ownEnv(): Env {
  return process.env;
}

let callers: Env | undefined;

function restored(own: Env, names: readonly string[]): Env {
  const kept = Object.entries(own).filter(([name]) => !name.startsWith('PKG_CACHE_CALLERS'));
  return { ...Object.fromEntries(kept), ...Object.fromEntries(names.map((name) => [name, own[`PKG_CACHE_CALLERS_${name}`] ?? ''])) };
}

/** The user's home directory. */
export function homeDirectory(): string {
  return homedir();
}

/**
 * The config files that count, the strongest first: the user's, that of the installation (`<prefix>/config`, which install.sh writes; the app is
 * below `<prefix>/app/<build>/`), the machine's.
 */
export function configFiles(env: Env): ConfigFile[] {
  const { XDG_CONFIG_HOME: xdg = '', HOME: home = '' } = env;
  const base = isAbsolute(xdg) ? xdg : join(home, '.config'); // The XDG specification has relative paths ignored.
  return [
    ...(isAbsolute(base) ? [{ level: 'user' as const, path: join(base, 'pkg-cache', 'config') }] : []),
    { level: 'installation', path: join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'config') },
    { level: 'system', path: '/etc/pkg-cache/config' },
  ];
}

/** A setting, its value, and where that comes from. */
export interface Inspected {
  readonly name: keyof Settings;
  readonly setting: Setting<unknown>;
  /** Undefined: not set, or a text that means nothing (then there is a problem, too). */
  readonly value: unknown;
  /** What was said about it, the strongest first; only the first counts, unless it is a list. Empty: the default. */
  readonly sources: readonly Source[];
}

/**
 * The settings in effect: environment over config files over defaults; an empty value counts as not set.
 * Throws CONFIG, naming the variable or the file's line, for the first value that cannot be used.
 */
export function readSettings(env: Env, files: readonly ConfigFile[]): Settings {
  const { rows, problems } = inspectSettings(env, files);
  if (problems[0]) throw problems[0];
  return Object.fromEntries(rows.map(({ name, value }) => [name, value])) as unknown as Settings;
}

/** As `readSettings`, with what each value comes from, and with all problems instead of the first. */
export function inspectSettings(env: Env, files: readonly ConfigFile[]): { rows: Inspected[]; problems: PkgCacheError[] } {
  const problems: PkgCacheError[] = [];
  const complain = (problem: PkgCacheError): void => void problems.push(problem);
  const configured = files.map((file) => readConfigFile(file, complain));
  const rows = ROWS.map(([name, setting]): Inspected => {
    const text = env[setting.variable] ?? '';
    const said: Source[] = text === '' ? [] : [{ level: 'environment', name: setting.variable, text }];
    const sources = [...said, ...configured.flatMap((lines) => lines.get(setting.key) ?? [])];
    const value = evaluate(setting, sources, complain);
    return { name, setting, value, sources: sources.map((source) => ({ ...source, text: setting.type.show?.(source.text) ?? source.text })) };
  });
  return { rows, problems };
}

function evaluate({ type, fallback }: Setting<unknown>, sources: readonly Source[], complain: (problem: PkgCacheError) => void): unknown {
  const parse = ({ name, text }: Source): unknown => {
    const value = type.parse(text);
    if (value === undefined) complain(new PkgCacheError('CONFIG', `${name}: ${type.complain(text)}`));
    return value;
  };
  if (type.list) return sources.flatMap((source) => (parse(source) as unknown[] | undefined) ?? []);
  if (sources[0]) return parse(sources[0]);
  return fallback === undefined ? undefined : type.parse(fallback);
}

/** What a file says, by key; of several lines for one key the last is the strongest. */
function readConfigFile({ level, path }: ConfigFile, complain: (problem: PkgCacheError) => void): Map<string, Source[]> {
  const found = new Map<string, Source[]>();
  for (const [index, raw] of readLines(path, complain).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const name = `${path}, line ${index + 1}`;
    const equals = line.indexOf('=');
    const key = line.slice(0, equals).trim();
    const text = line.slice(equals + 1).trim();
    if (equals === -1 || !ROWS.some(([, setting]) => setting.key === key)) {
      complain(new PkgCacheError('CONFIG', `${name}: ${equals !== -1 && /^\w{1,40}$/.test(key) ? `there is no setting ${key}` : 'not a `key = value`'}`, { hint: '`pkg-cache config` lists all settings' }));
    } else if (text !== '') found.set(key, [{ level, name, text }, ...(found.get(key) ?? [])]);
  }
  return found;
}

function readLines(path: string, complain: (problem: PkgCacheError) => void): string[] {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/);
  } catch (error) {
    const code = systemCode(error) ?? '';
    // What it says may be what must not be installed.
    if (code !== 'ENOENT' && code !== 'ENOTDIR') complain(new PkgCacheError('CONFIG', `${path} cannot be read: ${code}`));
    return [];
  }
}
