import { PkgCacheError } from '../errors.ts';
import {
  compareParsed,
  formatVersion,
  isPrerelease,
  parseVersion,
  publicVersion,
  requireVersion,
  sameBase,
  sameNumber,
  type Version,
} from './pep440.ts';

/** One clause of a set of specifiers, such as `>=1.0` or `==2.*`. */
export interface Specifier {
  readonly operator: string;
  readonly version: string;
}

const PARTS = /^(===|~=|==|!=|<=|>=|<|>)\s*(\S+)$/;
const PREFIX = /^v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*\.\*$/;

/** Whether `text` is one valid clause; markers turn to string comparison where it is not. */
export function isSpecifier(text: string): boolean {
  return readClause(text.trim()) !== undefined;
}

/** Reads a comma-separated set of specifiers; empty clauses are ignored. Throws UNRECOGNISED on anything else. */
export function parseSpecifiers(text: string): Specifier[] {
  const clauses = text.split(',').map((clause) => clause.trim());
  return clauses.filter((clause) => clause !== '').map((clause) => {
    return readClause(clause) ?? fail(clause);
  });
}

/** The rules of `Specifier._specifier_regex_str` of `packaging` 22 and later, without compiling a pattern as long as that. */
function readClause(clause: string): Specifier | undefined {
  const parts = PARTS.exec(clause);
  if (parts === null) return undefined;
  const [operator, version] = [parts[1] as string, parts[2] as string];
  return fits(operator, version) ? { operator, version } : undefined;
}

function fits(operator: string, version: string): boolean {
  if (operator === '===') return !/[,;)]/.test(version);
  const equality = operator === '==' || operator === '!=';
  if (version.endsWith('.*')) return equality && PREFIX.test(version.toLowerCase());
  const parsed = parseVersion(version);
  if (parsed === undefined || (parsed.local !== undefined && !equality)) return false;
  return operator !== '~=' || parsed.release.length > 1;
}

function fail(clause: string): never {
  throw new PkgCacheError('UNRECOGNISED', `not a version specifier: ${clause}`);
}

/**
 * Whether `version` meets every clause of `specifiers` (PEP 440, "Version specifiers"), as `SpecifierSet.contains` says.
 * Without `prereleases`, a pre-release is admitted only if a clause names one. A version that is none meets only `===`.
 * Where versions of `packaging` differ, this is what most of them say: `1.0a1` meets `==1.0.0.*` (not before 22) and does not
 * meet `<1.0.post1` (it does since 26.3). Throws UNRECOGNISED when `specifiers` cannot be read.
 */
export function satisfies(version: string, specifiers: string, options: { prereleases?: boolean } = {}): boolean {
  const clauses = parseSpecifiers(specifiers);
  const candidate = parseVersion(version);
  if (candidate === undefined) return clauses.length > 0 && clauses.every((c) => c.operator === '===' && same(version, c.version));
  if (options.prereleases !== true && isPrerelease(candidate) && !clauses.some(namesPrerelease)) return false;
  return clauses.every((clause) => meets(candidate, clause));
}

function namesPrerelease({ operator, version }: Specifier): boolean {
  const parsed = parseVersion(version);
  return operator !== '!=' && parsed !== undefined && isPrerelease(parsed);
}

function meets(candidate: Version, { operator, version }: Specifier): boolean {
  if (operator === '===') return same(formatVersion(candidate), version);
  if (version.endsWith('.*')) return hasPrefix(candidate, requireVersion(version.slice(0, -2))) === (operator === '==');
  const wanted = requireVersion(version);
  switch (operator) {
    case '==':
      return equals(candidate, wanted);
    case '!=':
      return !equals(candidate, wanted);
    case '~=':
      return compareParsed(publicVersion(candidate), wanted) >= 0 && hasPrefix(candidate, compatiblePrefix(wanted));
    case '<=':
      return compareParsed(publicVersion(candidate), wanted) <= 0;
    case '>=':
      return compareParsed(publicVersion(candidate), wanted) >= 0;
    case '<':
      return compareParsed(candidate, wanted) < 0 && !isPrereleaseOf(candidate, wanted);
    default:
      return compareParsed(candidate, wanted) > 0 && !isSuccessorOf(candidate, wanted);
  }
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** A local label counts only where the specifier has one: `==1.0` matches `1.0+cpu`. */
function equals(candidate: Version, wanted: Version): boolean {
  return compareParsed(wanted.local === undefined ? publicVersion(candidate) : candidate, wanted) === 0;
}

function hasPrefix(candidate: Version, prefix: Version): boolean {
  const { epoch, release } = candidate;
  return sameNumber(epoch, prefix.epoch) && prefix.release.every((part, i) => sameNumber(release[i] ?? 0, part));
}

/** `~=2.2.post3` means `>=2.2.post3, ==2.*`. */
function compatiblePrefix(wanted: Version): Version {
  return { ...wanted, release: wanted.release.slice(0, -1) };
}

/** `<3.1` does not admit `3.1.dev0`, unless the specifier names a pre-release itself. */
function isPrereleaseOf(candidate: Version, wanted: Version): boolean {
  return !isPrerelease(wanted) && isPrerelease(candidate) && sameBase(candidate, wanted);
}

/** `>3.1` admits neither `3.1.post0`, unless the specifier names a post-release itself, nor `3.1+local`. */
function isSuccessorOf(candidate: Version, wanted: Version): boolean {
  const successor = (wanted.post === undefined && candidate.post !== undefined) || candidate.local !== undefined;
  return successor && sameBase(candidate, wanted);
}
