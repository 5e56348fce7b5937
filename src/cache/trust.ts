import { lstatSync, readFileSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { PkgCacheError, systemCode } from '../errors.ts';
import { LAYOUT } from './entry.ts';

/** A directory by way of which somebody else could put something into the cache. */
export interface Untrusted {
  readonly path: string;
  /** `above`: it leads to the cache. `inside`: a level of the cache. */
  readonly part: 'above' | 'top' | 'inside';
  readonly why: string;
}

/** What has to be known of a directory: who owns it, and who may write there. */
type Ownership = Pick<Stats, 'uid' | 'gid' | 'mode'>;

const US = process.getuid?.();

/**
 * Checks that nobody but us and root can put anything into a cache directory: it is no link, and itself, its levels and all directories above it
 * belong to us or root, and cannot be written by others; those above may have the sticky bit, as /tmp does. Throws CACHE_UNUSABLE.
 */
export function assertTrustworthy(directory: string, uid = US, { deep = false } = {}): void {
  for (const found of untrusted(directory, uid, { deep })) {
    throw new PkgCacheError('CACHE_UNUSABLE', describeUntrusted(directory, found), { hint: whatToDo(found) });
  }
}

/** What is wrong, in a sentence without its end. */
export function describeUntrusted(directory: string, { path, part, why }: Untrusted): string {
  if (part === 'top') return `the cache directory ${path} ${why}`;
  return `${path}, which ${part === 'above' ? `the cache directory ${directory} lies in` : 'is a part of the cache'}, ${why}`;
}

/** What to do about it. */
export function whatToDo({ path, part }: Untrusted): string {
  const own = 'set PKG_CACHE_DIR to a directory of your own';
  if (part === 'above') return `let only its owner write there (chmod go-w ${path}; chmod +t where others have to), or ${own}`;
  return part === 'top' ? own : `remove it, because others may have put something there, or ${own}`;
}

/** All that is wrong with a cache directory: from the top of the file system on. `deep`: levels of levels are looked at as well. */
export function* untrusted(directory: string, uid = US, { deep = false } = {}): Generator<Untrusted> {
  try {
    yield* allUntrusted(directory, uid, deep);
  } catch (error) {
    yield { path: directory, part: 'top', why: `cannot be looked at (${systemCode(error) ?? String(error)})` };
  }
}

function* allUntrusted(directory: string, uid: number | undefined, deep: boolean): Generator<Untrusted> {
  for (const { path, stat } of componentsOf(dirname(directory))) {
    const why = whyNotAbove(stat, uid);
    if (why !== undefined) yield { path, part: 'above', why };
  }
  const stat = lstatSync(directory, { throwIfNoEntry: false });
  const why = stat && whyNotOurs(stat, uid);
  if (why !== undefined) yield { path: directory, part: 'top', why };
  else if (stat) yield* untrustedLevels(join(directory, `v${LAYOUT}`), uid, deep);
}

function* untrustedLevels(root: string, uid: number | undefined, deep: boolean): Generator<Untrusted> {
  for (const path of [root, ...levelsIn(root)]) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    const why = stat && !isOldLeases(path, stat) ? whyNotOurs(stat, uid) : undefined;
    if (why !== undefined) yield { path, part: 'inside', why };
    else if (deep && path !== root && NESTED.test(path)) yield* untrustedBelow(path, uid);
  }
}

function* untrustedBelow(level: string, uid: number | undefined): Generator<Untrusted> {
  for (const path of levelsIn(level)) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    const why = stat && whyNotOurs(stat, uid);
    if (why !== undefined) yield { path, part: 'inside', why };
  }
}

/** Levels that consist of levels. */
const NESTED = /\/(?:entries|ready|spool|state)$/;

/** Older versions made a directory like /tmp for leases. Nothing there is believed (lease.ts), and its owner closes it. */
function isOldLeases(path: string, { mode }: Stats): boolean {
  return path.endsWith('/leases') && (mode & 0o1000) !== 0;
}

/** The directories in a directory, and links. */
function levelsIn(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [] : [`${directory}/${entry.name}`]));
  } catch {
    return [];
  }
}

/** Whether a directory of the cache, as it was found, is ours or root's, and nobody else may write there. */
export function isOurs(stat: Stats): boolean {
  return whyNotOurs(stat, US) === undefined;
}

/** Whether a directory is ours alone, and nobody else may write there. */
export function isPrivate(stat: Stats): boolean {
  return stat.isDirectory() && (US === undefined || stat.uid === US) && (stat.mode & 0o022) === 0;
}

function whyNotOurs(stat: Stats, uid: number | undefined): string | undefined {
  if (stat.isSymbolicLink()) return 'is a symbolic link';
  if (!stat.isDirectory()) return 'is not a directory';
  if (!isOwnedBy(stat, uid)) return 'belongs to another user';
  return whoMayWrite(stat, uid);
}

/** A link belongs to whoever may change where it leads. */
function whyNotAbove(stat: Stats, uid: number | undefined): string | undefined {
  if (!isOwnedBy(stat, uid) && !isOfUnknownOwner(stat)) return 'belongs to another user';
  return stat.isSymbolicLink() || (stat.mode & 0o1000) !== 0 ? undefined : whoMayWrite(stat, uid);
}

function isOwnedBy({ uid: owner }: Ownership, uid: number | undefined): boolean {
  return uid === undefined || owner === uid || owner === 0;
}

function whoMayWrite(stat: Ownership, uid: number | undefined): string | undefined {
  if ((stat.mode & 0o002) !== 0) return 'can be written by everybody';
  return (stat.mode & 0o020) !== 0 && !isPrivateGroup(stat, uid) ? 'can be written by a group that others are in' : undefined;
}

/** In a user namespace, whoever is not mapped, root of the host among them, is shown as one and the same user (user_namespaces(7)). */
function isOfUnknownOwner({ uid }: Ownership): boolean {
  const overflow = Number(readQuietly('/proc/sys/kernel/overflowuid') ?? NaN);
  return uid === overflow && !/^\s*0\s+0\s+4294967295\s*$/.test(readQuietly('/proc/self/uid_map') ?? ' 0 0 4294967295');
}

/**
 * Whether nobody is in the group of a directory but its owner, us and root. Many distributions give each user a group of that user alone, and the
 * umask 002 with it; OpenSSH there (Debian's user-group-modes.patch) takes a directory of such a group for one that only its owner may write. Where
 * groups come from elsewhere (LDAP), one that /etc/group does not have may have anybody in it. On macOS users share a group, and
 * only administrators are in those of root.
 */
function isPrivateGroup({ uid: owner, gid }: Ownership, uid: number | undefined): boolean {
  if (process.platform === 'darwin') return owner === 0 && (gid === 0 || gid === 80);
  const users = tableOf('/etc/passwd').map(([name = '', , id, group, , , shell = '']) => ({ name, id: Number(id), group: Number(group), shell }));
  const group = tableOf('/etc/group').find(([, , id]) => Number(id) === gid);
  if (!group && gid !== owner && gid !== uid && hasOtherSources()) return false;
  const names = (group?.[3] ?? '').split(',').filter((name) => name !== '');
  const may = new Set([0, owner, uid]);
  // On some distributions `sync`, `halt` and the like, as whom nothing else can run, are in root's group.
  const isMember = ({ name, group: primary, shell }: (typeof users)[number]): boolean => names.includes(name) || (primary === gid && !(gid === 0 && COMMANDS.test(shell)));
  const members = users.filter(isMember);
  const isKnown = (name: string): boolean => users.some((user) => user.name === name);
  return members.every(({ id }) => may.has(id)) && names.every(isKnown);
}

/** What accounts have for a shell that cannot be logged into. */
const COMMANDS = /\/(?:sync|halt|shutdown|nologin|false)$/;

/** Whether users or groups come from elsewhere than from files (nsswitch.conf(5)). */
function hasOtherSources(): boolean {
  return /^\s*(?:passwd|group|initgroups)\s*:.*\b(?:sss|ldap|nis|nisplus|winbind|hesiod)\b/m.test(readQuietly('/etc/nsswitch.conf') ?? '');
}

/** The rows of a file of fields with colons between them (passwd(5), group(5)). */
function tableOf(path: string): string[][] {
  return (readQuietly(path) ?? '').split('\n').flatMap((line) => (line === '' || line.startsWith('#') ? [] : [line.split(':')]));
}

function readQuietly(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** As many links as Linux follows in one path (path_resolution(7)). */
const MAX_LINKS = 40;

/** All that a path leads by, from the top on, links and what they lead to included; up to what is not there. */
function* componentsOf(path: string): Generator<{ path: string; stat: Stats }> {
  const ahead = ['/', ...path.split('/')];
  let [current, links] = ['/', 0];
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      current = dirname(current);
      continue;
    }
    const next = join(current, name);
    const stat = lstatSync(next, { throwIfNoEntry: false });
    if (!stat) return;
    yield { path: next, stat };
    if (!stat.isSymbolicLink()) current = next;
    else if (++links > MAX_LINKS) return;
    else {
      const target = readlinkSync(next);
      if (target.startsWith('/')) current = '/';
      ahead.unshift(...target.split('/'));
    }
  }
}
