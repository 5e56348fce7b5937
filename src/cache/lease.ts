import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { systemCode } from '../errors.ts';
import { hostTag, isAlive } from './claim.ts';
import { listDir } from './sweep.ts';

/**
 * A lease says "I may be reading entries": whoever removes an entry makes it invisible first, and deletes its files only when nobody holds a
 * lease that is older than that. An empty file, `<pid>.<host>.<random>`, so that it costs an install next to nothing.
 */
export interface Lease {
  release(): void;
}

/** Somebody who holds a lease. */
export interface Reader {
  readonly path: string;
  /** When the lease was taken, in epoch milliseconds by the file system's clock. */
  readonly since: number;
}

/** A holder that cannot be looked for (another host, another container) counts as gone after an hour, any other after a day. In milliseconds. */
const UNSEEN_LIMIT = 3_600_000;
const SEEN_LIMIT = 86_400_000;

/**
 * Takes a lease in `directory`. Where none can be written (another user's cache, a read-only one) one gets one that holds nobody up: such a reader
 * may find an entry gone while it copies, throws away what it has copied, and leaves the install to the real tool.
 */
export function takeLease(directory: string): Lease {
  const path = join(directory, holderName());
  try {
    create(path, directory);
  } catch {
    return { release: () => undefined };
  }
  return { release: () => unlinkQuietly(path) };
}

/** A name for something of this process, by which others can tell whether that is still there. */
export function holderName(): string {
  return `${process.pid}.${hostTag()}.${randomBytes(4).toString('hex')}`;
}

/** Who holds a lease in `directory`. What killed processes have left is removed. */
export function readers(directory: string): Reader[] {
  close(directory);
  return listDir(directory).flatMap((name) => {
    const path = join(directory, name);
    const since = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (since === undefined) return [];
    if (isHeld(name, Math.abs(Date.now() - since))) return [{ path, since }];
    unlinkQuietly(path);
    return [];
  });
}

/** Whether the process that has given something this name is still there; `age`: how long ago that was, in milliseconds. */
export function isHeld(name: string, age: number): boolean {
  const [pid = '', host = ''] = name.split('.');
  if (host !== hostTag()) return age < UNSEEN_LIMIT;
  return age < SEEN_LIMIT && isAlive(Number(pid));
}

function create(path: string, directory: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o644));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    mkdirSync(directory, { recursive: true });
    closeSync(openSync(path, 'wx', 0o644));
  }
}

/** Older versions let all users write here, as into /tmp: from now on only the owner, so that nobody else can hold up a clean, or end a lease. */
function close(directory: string): void {
  const mode = lstatSync(directory, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o022) === 0) return;
  try {
    chmodSync(directory, 0o755);
    for (const name of listDir(directory)) if (lstatSync(join(directory, name)).uid !== process.getuid?.()) unlinkQuietly(join(directory, name));
  } catch {
    // Not ours: then nothing in here is ours to delete either.
  }
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Swept by somebody, or gone with the whole cache.
  }
}
