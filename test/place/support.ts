import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { identityOf } from '../../src/cache/confined.ts';
import { Roots, UndoLog, parseJournal, rollBack } from '../../src/place/undo.ts';
import { treeOf, type Tree } from '../e2e/support/tree.ts';

export const MEMORY = '/dev/shm';

/** Whether there is a second file system to rename to. */
export const twoDisks = statSync(MEMORY, { throwIfNoEntry: false })?.dev !== statSync(tmpdir()).dev && statSync(MEMORY, { throwIfNoEntry: false }) !== undefined;

/**
 * A target directory with files in it (path to text), a transaction directory, and what is to be placed; `parent` and `workshops` say where those two
 * are. `changed` is what may be changed, below `root`. `lines` is the journal; `recover` is what another process does with it.
 */
export function scene(there: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>> = {}, { parent = tmpdir(), workshops = tmpdir(), changed = 'target' } = {}) {
  const root = temporary(tmpdir());
  const target = join(root, 'target');
  const roots = new Roots([join(root, changed)]);
  const [source, workshop] = [join(temporary(parent), 'source'), join(temporary(workshops), 'workshop')];
  for (const directory of [target, workshop, source]) mkdirSync(directory);
  write(target, there);
  write(source, wanted);
  const lines: unknown[] = [];
  const journal = { append: (line: unknown) => void lines.push(line) };
  const identity = identityOf(workshop)!;
  const undo = new UndoLog({ directory: workshop, identity, roots, directoryMode: 0o755, journal });
  const recover = (): boolean => {
    const parsed = parseJournal(lines, roots);
    return parsed !== undefined && rollBack(parsed.steps, { directory: workshop, identity, journal });
  };
  return { root, target, workshop, source, undo, lines, recover, tree: (): Tree => treeOf(target) };
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
