import { PkgCacheError } from '../errors.ts';

/** A number of a version. Date-like releases outgrow doubles, so long ones are kept as bigint; `<` and `>` compare across the two. */
type Num = number | bigint;

/** A PEP 440 version taken apart, as `packaging.version.Version` does. */
export interface Version {
  readonly epoch: Num;
  readonly release: readonly Num[];
  readonly pre: readonly [string, Num] | undefined;
  readonly post: Num | undefined;
  readonly dev: Num | undefined;
  readonly local: readonly (string | Num)[] | undefined;
}

/** Appendix B of PEP 440, for lower case: compiling a pattern that ignores case costs milliseconds at start-up. */
const SUFFIX = [
  '(?:[-_.]?(alpha|beta|preview|pre|a|b|c|rc)[-_.]?([0-9]+)?)?', // pre-release
  '(?:-([0-9]+)|[-_.]?(post|rev|r)[-_.]?([0-9]+)?)?', // post-release
  '([-_.]?dev[-_.]?([0-9]+)?)?', // development release
  '(?:\\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?', // local label
].join('');

const VERSION = new RegExp(`^\\s*v?(?:([0-9]+)!)?([0-9]+(?:\\.[0-9]+)*)${SUFFIX}\\s*$`);
const PRE_NAMES: ReadonlyMap<string, string> = new Map([
  ['alpha', 'a'],
  ['beta', 'b'],
  ['c', 'rc'],
  ['pre', 'rc'],
  ['preview', 'rc'],
]);

/** Reads a version by PEP 440 (appendix B), or undefined when it is none. */
export function parseVersion(text: string): Version | undefined {
  const m = VERSION.exec(text.toLowerCase());
  if (m === null) return undefined;
  const pre = m[3];
  return {
    epoch: toNum(m[1]),
    release: (m[2] as string).split('.').map(toNum),
    pre: pre === undefined ? undefined : [PRE_NAMES.get(pre) ?? pre, toNum(m[4])],
    post: m[5] !== undefined ? toNum(m[5]) : m[6] !== undefined ? toNum(m[7]) : undefined,
    dev: m[8] === undefined ? undefined : toNum(m[9]),
    local: m[10]?.split(/[-_.]/).map((part) => (/^\d+$/.test(part) ? toNum(part) : part)),
  };
}

/** Like `parseVersion`, for callers to whom an invalid version is a reason to give up. */
export function requireVersion(text: string): Version {
  const version = parseVersion(text);
  if (version === undefined) throw new PkgCacheError('UNRECOGNISED', `not a PEP 440 version: ${text}`);
  return version;
}

function toNum(digits: string | undefined): Num {
  if (digits === undefined) return 0;
  return digits.length > 15 ? BigInt(digits) : Number(digits);
}

/** The version's PEP 440 normal form, as `str(Version(v))`; `release` can stand in for its own. */
export function formatVersion(v: Version, release: readonly Num[] = v.release): string {
  const epoch = sameNumber(v.epoch, 0) ? '' : `${v.epoch}!`;
  const pre = v.pre === undefined ? '' : v.pre.join('');
  const post = v.post === undefined ? '' : `.post${v.post}`;
  const dev = v.dev === undefined ? '' : `.dev${v.dev}`;
  const local = v.local === undefined ? '' : `+${v.local.join('.')}`;
  return `${epoch}${release.join('.')}${pre}${post}${dev}${local}`;
}

/** The release without trailing zeros, which never make a difference; one segment always stays. */
export function trimRelease(release: readonly Num[]): readonly Num[] {
  let end = release.length;
  while (end > 1 && sameNumber(release[end - 1] as Num, 0)) end--;
  return end === release.length ? release : release.slice(0, end);
}

/** The same version without its local label. */
export function publicVersion(v: Version): Version {
  return v.local === undefined ? v : { ...v, local: undefined };
}

export function isPrerelease(v: Version): boolean {
  return v.pre !== undefined || v.dev !== undefined;
}

/** Whether epoch and release agree: `packaging`'s comparison of `base_version`. */
export function sameBase(a: Version, b: Version): boolean {
  return sameNumber(a.epoch, b.epoch) && compareReleases(a.release, b.release) === 0;
}

/** Orders two versions: negative, 0 or positive. The rules are those of `packaging.version._cmpkey`. */
export function compareParsed(a: Version, b: Version): number {
  return (
    order(a.epoch, b.epoch) ||
    compareReleases(a.release, b.release) ||
    comparePre(a, b) ||
    order(a.post ?? -1, b.post ?? -1) ||
    order(a.dev ?? Infinity, b.dev ?? Infinity) ||
    compareLocal(a.local, b.local)
  );
}

function order(a: string | Num, b: string | Num): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Equality across number and bigint. */
export function sameNumber(a: Num, b: Num): boolean {
  return order(a, b) === 0;
}

function compareReleases(a: readonly Num[], b: readonly Num[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const decided = order(a[i] ?? 0, b[i] ?? 0);
    if (decided !== 0) return decided;
  }
  return 0;
}

/** `1.0.dev1` sorts before `1.0a1`, and both before `1.0`. */
function comparePre(a: Version, b: Version): number {
  const rank = (v: Version): string => {
    if (v.pre !== undefined) return v.pre[0];
    return v.post === undefined && v.dev !== undefined ? '' : 'z';
  };
  return order(rank(a), rank(b)) || order(a.pre?.[1] ?? 0, b.pre?.[1] ?? 0);
}

/** No label sorts first; numbers sort after words; a longer label after its prefix. */
function compareLocal(a: Version['local'], b: Version['local']): number {
  if (a === undefined || b === undefined) return order(a === undefined ? 0 : 1, b === undefined ? 0 : 1);
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [a[i] as string | Num, b[i] as string | Num];
    const decided = order(typeof x === 'string' ? 0 : 1, typeof y === 'string' ? 0 : 1) || order(x, y);
    if (decided !== 0) return decided;
  }
  return a.length - b.length;
}
