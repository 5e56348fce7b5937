import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import type { Watch } from './backend.ts';
import { filePieces } from './payload-file.ts';
import type { Payload } from './store.ts';

/** Where files are written before they get their name. No key can name it: no segment starts with a dot. */
const TEMPORARY = '.tmp';

/** What `link` fails with where the file system has no hard links (FAT, many FUSE and SMB mounts). */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV', 'EINVAL']);

const CHUNK = 1024 * 1024;

/** Age in milliseconds from which on a temporary file belongs to a writer that was killed. */
const LEFT_OVER_MS = 24 * 60 * 60 * 1000;

/**
 * The directory below `root` for files without a name yet, rid of what killed writers left there. Fails with ENOENT if
 * the root is missing, which a recursive mkdir would not.
 */
export async function temporaryDirectory(root: string): Promise<string> {
  const directory = join(root, TEMPORARY);
  try {
    await mkdir(directory);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    await removeLeftOvers(directory);
  }
  return directory;
}

/**
 * Removes what killed writers left in the directory for files without a name yet; returns how many there were. Whoever else is at the same is as
 * welcome to remove them.
 */
async function removeLeftOvers(directory: string): Promise<number> {
  // Our own clock may be off by a day. It only saves asking for the time by which files are dated.
  const suspects = await leftOvers((await readdir(directory)).map((name) => join(directory, name)), Date.now());
  if (suspects.length === 0) return 0;
  const now = await tolerant(() => timeIn(directory));
  const removed = await Promise.all((await leftOvers(suspects, now ?? 0)).map((path) => tolerant(async () => (await unlink(path), true))));
  return removed.filter(Boolean).length;
}

/** Which of these nobody has written to for so long that their writers are gone, at a time in epoch milliseconds. */
async function leftOvers(paths: readonly string[], now: number): Promise<string[]> {
  const ages = await Promise.all(paths.map((path) => tolerant(async () => now - (await stat(path)).mtimeMs)));
  return paths.filter((_, n) => (ages[n] ?? 0) > LEFT_OVER_MS);
}

/** Undefined where the system is against it. */
async function tolerant<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** As `temporaryDirectory`, of which it says how much it removed. */
export async function tidy(root: string): Promise<number> {
  await stat(root);
  const directory = join(root, TEMPORARY);
  return (await stat(directory).catch(() => undefined)) === undefined ? 0 : await removeLeftOvers(directory);
}

/** The file system's clock: the time of a file that was made just now. Epoch milliseconds. */
export async function fileSystemTime(root: string): Promise<number> {
  return await timeIn(await temporaryDirectory(root));
}

async function timeIn(directory: string): Promise<number> {
  const path = join(directory, randomUUID());
  const file = await open(path, 'wx');
  try {
    return (await file.stat()).mtimeMs;
  } finally {
    await file.close();
    await unlink(path).catch(() => undefined);
  }
}

/** Writes the payload to a new file and makes it last. Fails if a file payload is shorter than it was said to be. */
export async function write(root: string, path: string, payload: Payload, watch: Watch): Promise<void> {
  const file = await open(path, 'wx');
  try {
    let done = 0;
    watch.progress(done);
    const pieces = piecesOf(root, payload);
    for await (const piece of pieces) {
      watch.signal.throwIfAborted();
      await file.writeFile(piece);
      watch.progress((done += piece.byteLength));
    }
    // Once it has a name it is there for good, so it must not be empty after a power failure.
    await file.sync();
  } finally {
    await file.close();
  }
}

function piecesOf(root: string, payload: Payload): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (payload instanceof Uint8Array) return [payload];
  return 'pieces' in payload ? payload.pieces : filePieces(root, payload, CHUNK);
}

/** Gives a finished file its name, unless that is taken. */
export async function publish(temporary: string, target: string): Promise<'created' | 'exists'> {
  try {
    await link(temporary, target);
    return 'created';
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'EEXIST') return await whoseLink(temporary);
    if (NO_LINKS.has(code)) return await publishCopy(temporary, target);
    throw error;
  }
}

/** On NFS a link can be made and its answer be lost; asked again, the server says EEXIST. The link count tells (open(2)). */
async function whoseLink(temporary: string): Promise<'created' | 'exists'> {
  return (await stat(temporary)).nlink > 1 ? 'created' : 'exists';
}

/** Without hard links: still one winner, but a reader may see the file grow. Readers verify what they read. */
async function publishCopy(temporary: string, target: string): Promise<'created' | 'exists'> {
  try {
    await copyFile(temporary, target, constants.COPYFILE_EXCL);
    return 'created';
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return 'exists';
    await unlink(target).catch(() => undefined);
    throw error;
  }
}
