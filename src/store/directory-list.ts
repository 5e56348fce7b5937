import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import type { ListQuery, RawPage } from './backend.ts';
import type { Listed } from './store.ts';

/**
 * The files below `root` whose keys begin with `prefix`, in the order that S3 has them: by byte, over the whole key. Only
 * directories that can hold something of the page are read. What vanishes meanwhile is left out.
 */
export async function listDirectory(root: string, prefix: string, { after = '', limit }: ListQuery, signal: AbortSignal): Promise<RawPage> {
  const objects: Listed[] = [];
  for await (const key of keysBelow(root, prefix.slice(0, prefix.lastIndexOf('/') + 1), { prefix, after })) {
    signal.throwIfAborted();
    const stats = await stat(join(root, key)).catch(missing);
    if (!stats?.isFile()) continue;
    if (objects.length === limit) return { objects, more: true };
    objects.push({ key, size: stats.size, modified: stats.mtimeMs, tag: `${stats.ino} ${stats.ctimeMs}` });
  }
  return { objects, more: false };
}

interface Wanted {
  readonly prefix: string;
  readonly after: string;
}

/** `directory` is empty or ends in a slash. */
async function* keysBelow(root: string, directory: string, wanted: Wanted): AsyncGenerator<string> {
  const entries = (await readdir(join(root, directory), { withFileTypes: true }).catch(missing)) ?? [];
  for (const path of sortedPaths(directory, entries)) {
    if (!path.endsWith('/')) {
      if (path > wanted.after && path.startsWith(wanted.prefix)) yield path;
    } else if (canHold(path, wanted)) yield* keysBelow(root, path, wanted);
  }
}

/** Directories with a slash at their end, which is what decides their place; without what begins with a dot: that is no key. */
function sortedPaths(directory: string, entries: readonly Dirent[]): string[] {
  const named = entries.filter(({ name }) => !name.startsWith('.'));
  return named.map((entry) => `${directory}${entry.name}${entry.isDirectory() ? '/' : ''}`).sort((a, b) => (a < b ? -1 : 1));
}

/** Whether a key below `directory` can begin with the prefix and come after the last one. */
function canHold(directory: string, { prefix, after }: Wanted): boolean {
  const reaches = directory.startsWith(prefix) || prefix.startsWith(directory);
  return reaches && (directory > after || after.startsWith(directory));
}

function missing(error: unknown): undefined {
  const code = systemCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}
