import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { UndoLog } from '../../src/place/undo.ts';
import { treeOf, type Tree } from '../e2e/support/tree.ts';

export const MEMORY = '/dev/shm';

/** Whether there is a second file system to rename to. */
export const twoDisks = statSync(MEMORY, { throwIfNoEntry: false })?.dev !== statSync(tmpdir()).dev && statSync(MEMORY, { throwIfNoEntry: false }) !== undefined;

/** A target directory with files in it (path to text), a workshop, and what is to be placed; `parent` and `workshops` say where those two are. */
export function scene(there: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>> = {}, { parent = tmpdir(), workshops = tmpdir() } = {}) {
  const root = temporary(tmpdir());
  const target = join(root, 'target');
  const [source, workshop] = [join(temporary(parent), 'source'), join(temporary(workshops), 'workshop')];
  for (const directory of [target, workshop, source]) mkdirSync(directory);
  write(target, there);
  write(source, wanted);
  const undo = new UndoLog(workshop, 0o755);
  return { root, target, workshop, source, undo, tree: (): Tree => treeOf(target) };
}

function temporary(parent: string): string {
  const dir = realpathSync(mkdtempSync(join(parent, 'pkg-cache-place-')));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Writes files by their relative paths. */
export function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
