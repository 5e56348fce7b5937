import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, copyFile, link, mkdir, open, readdir, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PkgCacheError, systemCode } from '../errors.ts';
import type { Backend, Watch } from './backend.ts';
import { denied, unavailable } from './failure.ts';
import { checkKey } from './key.ts';
import type { Payload, StoredObject } from './store.ts';

/** Where files are written before they get their name. No key can name it: no segment starts with a dot. */
const TEMPORARY = '.tmp';

/** What `link` fails with where the file system has no hard links (FAT, many FUSE and SMB mounts). */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV', 'EINVAL']);

const CHUNK = 1024 * 1024;

/** Age in milliseconds from which on a temporary file belongs to a writer that was killed. */
const LEFT_OVER_MS = 24 * 60 * 60 * 1000;

/**
 * A store in a directory, for NFS and laptops: a key is a path below `root`, and a new object gets its name by `link`,
 * which fails if the name is taken, also between machines. The directory itself is never made: where a mount is
 * missing, there is no store.
 */
export function openDirectory(root: string): Backend {
  return {
    label: root,
    get: (key) => get(root, key),
    create: (key, payload, watch) => create(root, key, payload, watch),
    close: () => undefined,
  };
}

async function get(root: string, key: string): Promise<StoredObject | undefined> {
  checkKey(root, key);
  try {
    // O_NONBLOCK: a FIFO under that name must not hold us up.
    const file = await open(join(root, key), constants.O_RDONLY | constants.O_NONBLOCK);
    return await opened(root, file);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && (await exists(root))) return undefined;
    throw described(root, error, 'read');
  }
}

async function opened(root: string, file: FileHandle): Promise<StoredObject> {
  const stats = await file.stat();
  if (!stats.isFile()) {
    await file.close();
    throw unavailable(root, 'what lies under the key is not a file');
  }
  return { size: stats.size, body: file.createReadStream({ highWaterMark: CHUNK }) };
}

async function create(root: string, key: string, payload: Payload, watch: Watch): Promise<'created' | 'exists'> {
  checkKey(root, key);
  const target = join(root, key);
  try {
    if (await exists(target)) return 'exists';
    await makeTemporary(root);
    const temporary = join(root, TEMPORARY, randomUUID());
    try {
      await write(root, temporary, payload, watch);
      await mkdir(dirname(target), { recursive: true });
      return await publish(temporary, target);
    } finally {
      await unlink(temporary).catch(() => undefined);
    }
  } catch (error) {
    throw described(root, error, 'write to');
  }
}

/** Fails with ENOENT if the root is missing, which a recursive mkdir would not. Removes what killed writers left. */
async function makeTemporary(root: string): Promise<void> {
  const directory = join(root, TEMPORARY);
  try {
    await mkdir(directory);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    for (const name of await readdir(directory)) await removeLeftOver(join(directory, name));
  }
}

/** Whoever else is at the same is as welcome to remove it. */
async function removeLeftOver(path: string): Promise<void> {
  try {
    if (Date.now() - (await stat(path)).mtimeMs > LEFT_OVER_MS) await unlink(path);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
}

async function write(root: string, path: string, payload: Payload, watch: Watch): Promise<void> {
  const file = await open(path, 'wx');
  try {
    watch.progress(0);
    if (payload instanceof Uint8Array) await file.writeFile(payload);
    else await copyInto(file, root, payload, watch);
    // Once it has a name it is there for good, so it must not be empty after a power failure.
    await file.sync();
  } finally {
    await file.close();
  }
}

async function copyInto(
  target: FileHandle,
  root: string,
  { path, size }: { path: string; size: number },
  watch: Watch,
): Promise<void> {
  const source = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, size)));
    for (let done = 0; done < size; ) {
      watch.signal.throwIfAborted();
      const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, size - done), done);
      if (bytesRead === 0) throw unavailable(root, `the file to be stored ends after ${done} of ${size} bytes`);
      await target.writeFile(buffer.subarray(0, bytesRead));
      watch.progress((done += bytesRead));
    }
  } finally {
    await source.close();
  }
}

async function publish(temporary: string, target: string): Promise<'created' | 'exists'> {
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

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
}

function described(root: string, cause: unknown, doing: string): unknown {
  if (cause instanceof PkgCacheError) return cause;
  const code = systemCode(cause);
  if (code === undefined) return cause;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return denied(root, `may not ${doing} the directory (${code})`, { cause });
  }
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return unavailable(root, `the directory is missing (${code})`, { cause, hint: `create or mount ${root}` });
  }
  return unavailable(root, `cannot ${doing} the directory (${code})`, { cause });
}
