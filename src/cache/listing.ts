import { closeSync, existsSync, fstatSync, lstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { hostIdentity, isAlive } from './claim.ts';
import type { Entry, EntryKey } from './entry.ts';
import { REMOVED } from './removal.ts';
import { listDir } from './sweep.ts';
import { ENTRY_KEY } from '../manifest.ts';
import { count, object, parseA, readA, text } from '../shape.ts';

/**
 * An entry as a listing shows it. `copying`: a live process is at it; `stalled`: it was begun and not finished, or failed a check;
 * `removed`: no longer served, and deleted by the next clean.
 */
export interface EntryStatus {
  readonly status: 'cached' | 'copying' | 'stalled' | 'removed';
  /** Undefined where it cannot be read. */
  readonly key: EntryKey | undefined;
  readonly version: string | undefined;
  readonly path: string;
  /** Bytes of its files. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly lastUsed: number;
}

/** What `owner.json` in a staging directory says, so that others can tell work in progress from left-overs. */
export interface Owner {
  readonly pid: number;
  readonly host: string;
  readonly key: EntryKey;
}

/** Everything below a cache's `entries`, `staging` and `stalled`, one at a time: nothing is held in memory. */
export function* listEntries(root: string): Generator<EntryStatus> {
  for (const dir of entryDirs(root)) yield entryStatus(dir);
  for (const name of listDir(join(root, 'staging'))) yield stagingStatus(join(root, 'staging', name));
  for (const name of listDir(join(root, 'stalled'))) yield { ...entryStatus(join(root, 'stalled', name)), status: 'stalled' };
}

/** The directories of entries. */
export function* entryDirs(root: string): Generator<string> {
  for (const shard of listDir(join(root, 'entries'))) {
    for (const id of listDir(join(root, 'entries', shard))) yield join(root, 'entries', shard, id);
  }
}

/** What the directory of an entry says. */
export function entryStatus(path: string): EntryStatus {
  const head = readHead(`${path}/entry.json`);
  return head ? { status: statusOf(path), key: head.key, version: head.version, path, size: head.size, lastUsed: head.lastUsed } : unreadable(path);
}

function statusOf(path: string): EntryStatus['status'] {
  if (existsSync(`${path}/entry.sha256`)) return 'cached';
  return existsSync(`${path}/${REMOVED}`) ? 'removed' : 'stalled';
}

function stagingStatus(path: string): EntryStatus {
  const status = isAbandoned(path) ? 'stalled' : 'copying';
  const key = ownerOf(path)?.key;
  return key ? { status, key, version: key.version, path, size: 0, lastUsed: modified(path) } : { ...unreadable(path), status };
}

/** Whether nobody is at work in a staging directory any more. */
export function isAbandoned(path: string): boolean {
  const owner = ownerOf(path);
  return owner?.host === hostIdentity() ? !isAlive(owner.pid) : !isRecent(path);
}

/** Whether this process is at work in a staging directory, or one of its threads. */
export function isOwn(path: string): boolean {
  const owner = ownerOf(path);
  return owner?.pid === process.pid && owner.host === hostIdentity();
}

/** What a staging directory says in `owner.json`, which is written before anything else. */
function ownerOf(path: string): Owner | undefined {
  return readA(OWNER, join(path, 'owner.json'));
}

const OWNER = object<Owner>({ pid: count, host: text, key: ENTRY_KEY });

function unreadable(path: string): EntryStatus {
  return { status: 'stalled', key: undefined, version: undefined, path, size: 0, lastUsed: modified(path) };
}

type Head = Pick<Entry, 'key' | 'version' | 'size'>;

const HEAD = object<Head>({ key: ENTRY_KEY, version: text, size: count });

/** A listing reads as many manifests as there are entries, and only what they begin with. */
const piece = Buffer.allocUnsafe(1024);

/** The beginning of a manifest, up to what its ecosystem knows about it; undefined for what is none. */
function readHead(path: string): (Head & { readonly lastUsed: number }) | undefined {
  try {
    const { begin, lastUsed } = readPiece(path);
    const end = begin.indexOf(',"count":');
    const head = parseA(HEAD, end === -1 ? readFileSync(path, 'utf8') : `${begin.slice(0, end)}}`);
    return head && { ...head, lastUsed };
  } catch {
    return undefined;
  }
}

function readPiece(path: string): { begin: string; lastUsed: number } {
  const fd = openSync(path, 'r');
  try {
    return { begin: piece.toString('utf8', 0, readSync(fd, piece)), lastUsed: fstatSync(fd).mtimeMs };
  } finally {
    closeSync(fd);
  }
}

const RECENT_MS = 120_000;

function isRecent(path: string): boolean {
  return Math.abs(Date.now() - modified(path)) < RECENT_MS;
}

function modified(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
