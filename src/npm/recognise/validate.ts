import { resolve } from 'node:path';
import { DYNAMIC, type NpmKey } from './keys-served.ts';
import { refuse } from './refuse.ts';
import { parseUmask } from './umask.ts';
import { itemsOf, PATH, SEMVER, type TypeItem, UMASK, URL_VALUE, type Value } from './value-types.ts';

/** What paths are relative to, and what `~` stands for. */
export interface Places {
  readonly cwd: string;
  readonly home: string;
}

const INVALID = Symbol('invalid');

/**
 * A value as npm has it after validation (`nopt-lib.js clean`). Throws UNRECOGNISED where npm would complain of it, or where
 * what it makes of it depends on who asks: `audit=0` is true for those who ask before the validation, and false after it.
 */
export function validValue(key: NpmKey, value: Value, places: Places): Value {
  const many = itemsOf(key.type).includes(Array);
  const cleaned = clean(key, value, places);
  const odd = Array.isArray(value) && !many;
  if (odd || !(sameValue(value, cleaned) || harmless(key, value, cleaned))) refuse(`npm does not take the value of ${key.name} as it is`);
  return cleaned;
}

/** The same for a command line, which is validated before anybody asks. */
export function validArgument(key: NpmKey, value: Value, places: Places): Value {
  return clean(key, value, places);
}

function clean(key: NpmKey, value: Value, places: Places): Value {
  const list = Array.isArray(value) ? (value as readonly Value[]) : [value];
  const cleaned = list.map((one) => {
    const result = cleanOne(itemsOf(key.type), one, places);
    return result === INVALID ? refuse(`npm does not accept the value of ${key.name}`) : result;
  });
  return Array.isArray(value) ? cleaned : cleaned[0];
}

function cleanOne(types: readonly TypeItem[], given: Value, places: Places): Value | typeof INVALID {
  let value = typeof given === 'string' ? literal(types, given.trim()) : given;
  if (value === false && types.includes(null) && !types.includes(false) && !types.includes(Boolean)) value = null;
  for (const type of types) {
    if (type === Array) {
      if (types.length === 1) return value;
      continue;
    }
    const result = matchType(type, value, places);
    if (result !== INVALID) return result;
  }
  return INVALID;
}

function literal(types: readonly TypeItem[], text: string): Value {
  const has = (type: TypeItem): boolean => types.includes(type);
  if (text === 'null' && has(null)) return null;
  if ((text === 'true' && (has(true) || has(Boolean))) || (text === 'false' && (has(false) || has(Boolean)))) return text === 'true';
  if (has(Number) && !Number.isNaN(Number(text))) return Number(text);
  return has(Date) && !Number.isNaN(Date.parse(text)) ? new Date(text) : text;
}

function matchType(type: TypeItem, value: Value, places: Places): Value | typeof INVALID {
  if (value === type) return value;
  switch (type) {
    case String:
      return String(value);
    case Boolean:
      return booleanOf(value);
    case Number:
      return Number.isNaN(Number(value)) ? INVALID : Number(value);
    case Date:
      return Number.isNaN(Date.parse(String(value))) ? INVALID : new Date(value as string);
    case PATH:
      return typeof value === 'string' ? resolvePath(value, places) : INVALID;
    case URL_VALUE:
      return urlOf(value);
    case UMASK:
      return parseUmask(value) ?? INVALID;
    case SEMVER:
      return typeof value === 'string' && /^\d{1,9}\.\d{1,9}\.\d{1,9}$/.test(value) ? value : INVALID;
    default:
      return INVALID;
  }
}

function booleanOf(value: Value): boolean {
  if (typeof value !== 'string') return Boolean(value);
  if (!Number.isNaN(Number(value))) return Number(value) !== 0;
  return value !== 'null' && value !== 'false';
}

/** Absolute; only `~/` is the home directory. */
export function resolvePath(path: string, { cwd, home }: Places): string {
  return path.startsWith('~/') && home !== '' ? resolve(home, path.slice(2)) : resolve(cwd, path);
}

/** npm's parser of URLs differs by version; what all take alike is a plain URL with a host. */
function urlOf(value: Value): Value | typeof INVALID {
  if (typeof value !== 'string' || !/^(https?|socks[45]?[ah]?):\/\/[^\s"'<>\\^`{|}]+$/i.test(value)) return INVALID;
  try {
    const url = new URL(value);
    return url.host === '' ? INVALID : url.href;
  } catch {
    return INVALID;
  }
}

function sameValue(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, i) => sameValue(one as Value, b[i] as Value));
  return a instanceof Date && b instanceof Date ? a.getTime() === b.getTime() : Object.is(a, b);
}

/** Two forms of one value. Not so `user-agent=true`: npm fails over a word that is none, whatever the key is for. */
function harmless(key: NpmKey, value: Value, cleaned: Value): boolean {
  if (typeof value === 'string' && itemsOf(key.type).includes(URL_VALUE)) return true;
  if (key.decision === 'inert' && typeof cleaned === 'boolean') return true;
  return typeof cleaned === 'boolean' && key.default !== DYNAMIC && Boolean(value) === cleaned;
}
