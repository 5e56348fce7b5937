import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { LocalCache } from '../../../src/cache/local.ts';
import { decodePointer } from '../../../src/fleet/objects.ts';
import { sha256File } from '../../../src/hash.ts';
import { remove } from '../../e2e/support/world.ts';

/** Remembers what directories look like now; what it returns brings that back. */
export function keep(...directories: readonly string[]): () => void {
  const copy = (from: string, to: string): void => {
    remove(to);
    execFileSync('cp', ['-a', from, to]);
  };
  for (const directory of directories) copy(directory, `${directory}.kept`);
  return () => {
    for (const directory of directories) copy(`${directory}.kept`, directory);
  };
}

/** All files below a directory that is there, as relative paths. */
export function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const items = readdirSync(directory, { recursive: true, withFileTypes: true });
  return items.filter((item) => !item.isDirectory()).map((item) => relative(directory, join(item.parentPath, item.name))).sort();
}

/** What is wrong with the visible entries of a cache: every file is hashed. */
export function brokenEntries(cacheDir: string): string[] {
  const cache = new LocalCache(cacheDir);
  const dirs = readdirSync(cache.path('entries')).flatMap((shard) => readdirSync(cache.path('entries', shard)));
  return dirs.flatMap((id) => {
    const local = cache.byId(id);
    if (!local) return [`${id} has no manifest`];
    const files = cache.files(local);
    const tree = join(local.dir, 'tree');
    if (filesBelow(tree).join('\n') !== files.map(({ path }) => path).join('\n')) return [`${id} has other files than its list`];
    return files.filter(({ path, sha256: hash }) => sha256File(join(tree, path)) !== hash).map(({ path }) => `${id}: ${path} has other bytes`);
  });
}

/** What is left in a cache of work that was begun. Drafts, archives on their way and half ready copies may be: they go when they are old. */
export function leftOvers(cacheDir: string): string[] {
  const below = (name: string): string[] => filesBelow(join(cacheDir, 'v1', name)).map((path) => `${name}/${path}`);
  return ['staging', 'stalled', 'placing', 'spool/jobs', 'spool/uploads'].flatMap(below);
}

/** What the objects of a store directory stand for: `name==version`, or what is wrong with them. */
export function storedIn(cacheDir: string, store: string): string[] {
  const cache = new LocalCache(cacheDir);
  const objects = filesBelow(store).filter((path) => !path.startsWith('.tmp/'));
  const broken = objects.filter((path) => path.includes('/archives/') && !path.includes(sha256File(join(store, path))));
  const pointers = objects.filter((path) => /^v1\/(?:pip|npm)\//.test(path)); // besides, there is the journal
  const ids = readdirSync(cache.path('entries')).flatMap((shard) => readdirSync(cache.path('entries', shard)));
  const keys = ids.map((id) => cache.byId(id)!.entry.key);
  const named = pointers.map((path) => {
    const key = keys.find(({ name, version }) => path.endsWith(`/${name}/${version}`))!;
    const { archive } = decodePointer(readFileSync(join(store, path)), key);
    return existsSync(join(store, `v1/archives/${archive.sha256.slice(0, 2)}/${archive.sha256}.tar`)) ? `${key.name}==${key.version}` : `${path} leads nowhere`;
  });
  return [...named, ...broken].sort();
}

