import { closeSync, mkdirSync, openSync, readFileSync, statSync, unlinkSync, utimesSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { hostname } from 'node:os';
import { systemCode } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { count, isA, object, text } from '../shape.ts';

/**
 * A claim says "somebody is at work on this already". It saves work and nothing else: whatever is done under a claim
 * must also be right when two hold it, because a claim whose holder seems gone is taken over.
 */
export interface Claim {
  /** Shows that the holder is alive; call it at least every minute during long work. */
  refresh(): void;
  /** Does nothing to the claim of somebody who has taken it over. */
  release(): void;
  /** Whether it is still this one: a holder that was paused for minutes, or whose cache was removed, may find another's in its place, or none. */
  isHeld(): boolean;
}

/** How often the holder of a claim shows that it is alive, in milliseconds. */
const SIGN_EVERY = 20_000;

/** Works under a claim, however long that takes, and lets go of it. */
export async function holding<T>(claim: Claim, work: () => Promise<T>): Promise<T> {
  const heartbeat = setInterval(() => claim.refresh(), SIGN_EVERY);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    claim.release();
  }
}

/** Without a sign of life for this long (ms), a holder on another host or in another container counts as gone. */
const SILENCE_LIMIT = 120_000;

/** A claim without its holder's name was made by somebody who is just about to write it, or died there. In milliseconds. */
const NAMELESS_LIMIT = 2_000;

/** Why somebody is at work: an install waits for it, or nobody does (then it may take its time, and a limit of bandwidth holds for it). */
export type Purpose = 'install' | 'background';

/**
 * Takes the claim at `path`, or returns undefined while somebody else holds it. Where no claim can be written (another user's cache, a full
 * disk) everybody gets one that binds nobody: work is done twice then.
 */
export function tryClaim(path: string, purpose: Purpose = 'install'): Claim | undefined {
  for (let attempt = 0; attempt < 2; attempt++) {
    const claim = create(path, purpose);
    if (claim) return claim;
    if (!isAbandoned(path)) return undefined;
    unlinkQuietly(path);
  }
  return undefined;
}

/** Whether the claim at `path` is held by somebody for whom nobody waits. */
export function isForBackground(path: string): boolean {
  return readQuietly(path)?.includes('"purpose":"background"') ?? false;
}

/** Whether somebody who is still at work holds the claim at `path`. */
export function isClaimed(path: string): boolean {
  try {
    statSync(path);
  } catch {
    return false;
  }
  return !isAbandoned(path);
}

const NO_CLAIM: Claim = { refresh: () => undefined, release: () => undefined, isHeld: () => true };

function create(path: string, purpose: Purpose): Claim | undefined {
  let fd: number;
  try {
    fd = openNew(path);
  } catch (error) {
    return systemCode(error) === 'EEXIST' ? undefined : NO_CLAIM;
  }
  const holder = JSON.stringify({ pid: process.pid, host: hostIdentity(), purpose });
  try {
    writeSync(fd, holder);
  } catch {
    unlinkQuietly(path);
    return NO_CLAIM;
  } finally {
    closeSync(fd);
  }
  const isHeld = (): boolean => readQuietly(path) === holder;
  return {
    refresh: () => {
      if (isHeld()) touchQuietly(path);
    },
    release: () => {
      if (isHeld()) unlinkQuietly(path);
    },
    isHeld,
  };
}

/** The directory is mostly there: to make sure first would be two more system calls for each of thousands. Throws the system's error. */
function openNew(path: string): number {
  try {
    return openSync(path, 'wx', 0o644);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, 'wx', 0o644);
  }
}

/** Whose claim is by nobody who can be told counts as held, until it is silent for too long. */
const HOLDER = object<{ readonly pid: number; readonly host: string }>({ pid: count, host: text });

function isAbandoned(path: string): boolean {
  let silence = 0;
  try {
    silence = Date.now() - statSync(path).mtimeMs;
    // A clock that jumped back makes files from "the future": those count from the moment of the jump.
    if (silence > SILENCE_LIMIT || silence < -SILENCE_LIMIT) return true;
    const holder: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isA(HOLDER, holder) && holder.host === hostIdentity() && !isAlive(holder.pid);
  } catch (error) {
    return systemCode(error) === 'ENOENT' || (error instanceof SyntaxError && silence > NAMELESS_LIMIT);
  }
}

/** Whether a process of this pid exists (it may belong to somebody else). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

let identity: string | undefined;

/** Where we are: pids mean something only inside one pid namespace of one host, and paths inside one mount namespace. */
export function hostIdentity(): string {
  identity ??= `${hostname()}:${namespace('pid')}:${namespace('mnt')}`;
  return identity;
}

/** The same in a few characters, for the names of files. */
export function hostTag(): string {
  return sha256(hostIdentity()).slice(0, 8);
}

function namespace(kind: 'pid' | 'mnt'): string {
  try {
    return String(statSync(`/proc/self/ns/${kind}`).ino);
  } catch {
    return 'host';
  }
}

function readQuietly(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function touchQuietly(path: string): void {
  const now = Date.now() / 1000;
  try {
    utimesSync(path, now, now);
  } catch {
    // Taken over by somebody: the work goes on, publishing decides.
  }
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Already gone.
  }
}
