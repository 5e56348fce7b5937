import { PkgCacheError } from '../../errors.ts';
import type { PipOption } from './options.ts';

const TRUE: ReadonlySet<string> = new Set(['y', 'yes', 't', 'true', 'on', '1']);
const FALSE: ReadonlySet<string> = new Set(['n', 'no', 'f', 'false', 'off', '0']);

/** pip's `strtobool`. Throws UNRECOGNISED for anything else, which pip refuses. */
export function parseBoolean(value: string): boolean {
  const word = value.toLowerCase();
  if (TRUE.has(word)) return true;
  if (FALSE.has(word)) return false;
  throw new PkgCacheError('UNRECOGNISED', `not a truth value: ${value.slice(0, 80)}`);
}

/** The configured value of a counting option: a truth value, or a number. */
export function parseCount(value: string): number {
  if (/^\d{1,6}$/.test(value)) return Number(value);
  return parseBoolean(value) ? 1 : 0;
}

/** Checks a value against its option's type and returns it with `~` expanded in paths. Throws UNRECOGNISED if it does not fit. */
export function checkValue(option: PipOption, value: string, home: string): string {
  const { type } = option;
  if (value === '' && option.decision !== 'inert') throw new PkgCacheError('UNRECOGNISED', `${option.dest} is empty`);
  if (type === 'path') return expandHome(value, home);
  if (type !== undefined && !fits(value, type)) throw new PkgCacheError('UNRECOGNISED', `${option.dest} cannot be ${value.slice(0, 80)}`);
  return value;
}

/** Narrower than Python's `int()` and `float()`, which take underscores, signs and exponents: those are left to pip. */
function fits(value: string, type: Exclude<PipOption['type'], 'path' | undefined>): boolean {
  if (typeof type !== 'string') return type.includes(value);
  return PATTERNS[type].test(value);
}

const PATTERNS = {
  int: /^(?:0|[1-9]\d{0,8})$/,
  float: /^\d{1,9}(?:\.\d{1,9})?$/,
  date: /^(?:P\d{1,6}D|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?)$/,
  'key-value': /=/,
  hash: /^sha(?:256|384|512):/,
  'python-version': /^\d{1,4}(?:\.\d{1,4}){0,2}$/,
} as const;

/** `os.path.expanduser`, but for other users' homes, which only the real pip looks up. */
function expandHome(path: string, home: string): string {
  if (path === '~' || path.startsWith('~/')) return home + path.slice(1);
  if (path.startsWith('~')) throw new PkgCacheError('UNRECOGNISED', `another user's home: ${path.slice(0, 80)}`);
  return path;
}
