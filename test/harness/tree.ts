import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export interface TreeEntry {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits, also setuid, setgid and sticky; 0 for a symlink. */
  readonly mode: number;
  /** Of a file. */
  readonly size: number;
  /** Whole seconds. */
  readonly mtime: number;
  /** Hex SHA-256 of a file's bytes, a symlink's target, or nothing. */
  readonly content: string;
}

/** What there is below a directory. Files are read again when they have to be looked into. */
export interface Tree {
  readonly root: string;
  /** The path that the tree had when things were installed into it, and that they may mention. */
  readonly prefix: string;
  /** By path relative to the root, sorted. */
  readonly entries: ReadonlyMap<string, TreeEntry>;
}

/** Lists a directory. Give `prefix` if it was moved since things were installed into it. */
export function snapshotTree(root: string, prefix = root): Tree {
  const entries = new Map<string, TreeEntry>();
  const visit = (directory: string): void => {
    for (const name of readdirSync(join(root, directory)).sort()) {
      const path = directory === '' ? name : `${directory}/${name}`;
      const entry = read(join(root, path));
      entries.set(path, entry);
      if (entry.kind === 'directory') visit(path);
    }
  };
  visit('');
  return { root, prefix, entries };
}

function read(path: string): TreeEntry {
  const stat = lstatSync(path);
  const common = { mode: stat.mode & 0o7777, size: stat.size, mtime: Math.floor(stat.mtimeMs / 1000) };
  if (stat.isSymbolicLink()) return { ...common, kind: 'symlink', mode: 0, content: readlinkSync(path) };
  if (stat.isDirectory()) return { ...common, kind: 'directory', content: '' };
  if (stat.isFile()) return { ...common, kind: 'file', content: createHash('sha256').update(readFileSync(path)).digest('hex') };
  return { ...common, kind: 'other', content: '' };
}
