import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { packEntry } from '../../src/archive/pack.ts';
import type { Expected } from '../../src/archive/parts.ts';
import { serialiseFiles, type EntryFile } from '../../src/cache/entry.ts';

/** A file to be packed. */
export interface Given {
  readonly path: string;
  readonly text?: string;
  readonly executable?: boolean;
  readonly mtime?: number;
}

/** A row of the list for it. */
export function row({ path, text = '', executable = false, mtime }: Given): EntryFile {
  return { path, size: Buffer.byteLength(text), sha256: hex(text), executable, ...(mtime === undefined ? {} : { mtime }) };
}

/** What an entry with this list says about it. */
export function expectedOf(files: readonly EntryFile[], filesJson = serialiseFiles(files)): Expected {
  return { filesHash: hex(filesJson), size: files.reduce((sum, file) => sum + file.size, 0), count: files.length };
}

/** A directory that goes when the test ends. */
export function tempDir(parent = tmpdir()): string {
  const dir = mkdtempSync(join(parent, 'pkg-cache-archive-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Writes the files to a new temp directory and packs them there: `a.tar` beside `tree/`. */
export function packed(given: readonly Given[]) {
  const dir = tempDir();
  const treeDir = join(dir, 'tree');
  for (const { path, text = '' } of given) {
    mkdirSync(dirname(join(treeDir, path)), { recursive: true });
    writeFileSync(join(treeDir, path), text);
  }
  const files = given.map(row).sort((a, b) => (a.path < b.path ? -1 : 1));
  const filesJson = serialiseFiles(files);
  const tar = join(dir, 'a.tar');
  const result = packEntry({ files, filesJson, treeDir }, tar);
  return { dir, treeDir, tar, files, filesJson, result, bytes: readFileSync(tar), expected: expectedOf(files) };
}

export function hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
