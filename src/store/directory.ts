import { randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { mkdir, open, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { PkgCacheError, systemCode } from '../errors.ts';
import type { Backend, ListQuery, RawPage, Watch } from './backend.ts';
import { listDirectory } from './directory-list.ts';
import { fileSystemTime, publish, temporaryDirectory, tidy, write } from './directory-write.ts';
import { denied, tooShort, unavailable } from './failure.ts';
import { checkKey } from './key.ts';
import type { Payload, Range, StoredObject } from './store.ts';

const CHUNK = 1024 * 1024;

/**
 * A store in a directory, for NFS and laptops: a key is a path below `root`, and a new object gets its name by `link`,
 * which fails if the name is taken, also between machines. The directory itself is never made: where a mount is
 * missing, there is no store.
 */
export function openDirectory(root: string): Backend {
  return {
    label: root,
    get: (key, _signal, range) => get(root, key, range),
    create: (key, payload, watch) => create(root, key, payload, watch),
    list: (prefix, query, signal) => list(root, prefix, query, signal),
    remove: (key) => remove(root, key),
    tidy: () => tidy(root).catch((error: unknown) => Promise.reject(described(root, error, 'write to') as Error)),
    // Where nothing may be written, no time is needed either but for what can do with ours.
    now: () => fileSystemTime(root).catch(() => Date.now()),
    close: () => undefined,
  };
}

async function get(root: string, key: string, range?: Range): Promise<StoredObject | undefined> {
  checkKey(root, key);
  try {
    // O_NONBLOCK: a FIFO under that name must not hold us up.
    const file = await open(join(root, key), constants.O_RDONLY | constants.O_NONBLOCK);
    return await opened(root, key, file, range);
  } catch (error) {
    if (isMissing(error) && (await isDirectory(root))) return undefined;
    throw described(root, error, 'read');
  }
}

async function opened(root: string, key: string, file: FileHandle, range: Range | undefined): Promise<StoredObject> {
  const stats = await file.stat();
  if (!stats.isFile()) {
    await file.close();
    throw unavailable(root, 'what lies under the key is not a file');
  }
  const { start, length } = range ?? { start: 0, length: stats.size };
  if (start + length > stats.size) {
    await file.close();
    throw tooShort(root, key);
  }
  // A stream cannot be told to end where it begins.
  if (length > 0) return { size: length, body: file.createReadStream({ start, end: start + length - 1, highWaterMark: CHUNK }) };
  await file.close();
  return { size: 0, body: Readable.from([]) };
}

async function list(root: string, prefix: string, query: ListQuery, signal: AbortSignal): Promise<RawPage> {
  try {
    if (!(await isDirectory(root))) throw unavailable(root, 'the directory is missing', { hint: `create or mount ${root}` });
    return await listDirectory(root, prefix, query, signal);
  } catch (error) {
    throw described(root, error, 'read');
  }
}

async function remove(root: string, key: string): Promise<void> {
  checkKey(root, key);
  try {
    await unlink(join(root, key));
  } catch (error) {
    if (!isMissing(error) || !(await isDirectory(root))) throw described(root, error, 'write to');
  }
}

async function create(root: string, key: string, payload: Payload, watch: Watch): Promise<'created' | 'exists'> {
  checkKey(root, key);
  const target = join(root, key);
  try {
    if (await exists(target)) return 'exists';
    const temporary = join(await temporaryDirectory(root), randomUUID());
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

async function exists(path: string): Promise<boolean> {
  return (await statIfAny(path)) !== undefined;
}

async function isDirectory(path: string): Promise<boolean> {
  return (await statIfAny(path))?.isDirectory() ?? false;
}

async function statIfAny(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Nothing under that path, also when a file is in the place of one of its directories. */
function isMissing(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function described(root: string, cause: unknown, doing: string): unknown {
  if (cause instanceof PkgCacheError) return cause;
  const code = systemCode(cause);
  if (code === undefined) return cause;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return denied(root, `may not ${doing} the directory (${code})`, { cause });
  }
  if (isMissing(cause)) {
    return unavailable(root, `the directory is missing (${code})`, { cause, hint: `create or mount ${root}` });
  }
  return unavailable(root, `cannot ${doing} the directory (${code})`, { cause });
}
