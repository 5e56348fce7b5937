import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ALLOWED, type Pair } from './allowed.ts';
import { snapshotTree, type Tree, type TreeEntry } from './tree.ts';

export { snapshotTree, type Tree };

export interface Difference {
  readonly path: string;
  readonly what: 'only in the first' | 'only in the second' | 'kind' | 'mode' | 'target' | 'bytes' | 'bytecode' | 'stale bytecode';
  readonly detail: string;
}

/**
 * Compares two environments entry by entry: kind, mode, bytes, link targets, and whether bytecode fits its source.
 * `python` is the interpreter that made the bytecode. Equal but for what `allowed.ts` lists: an empty list.
 */
export function compareTrees(a: Tree, b: Tree, python: string): Difference[] {
  const differences: Difference[] = [];
  const compiled: Pair[] = [];
  for (const path of [...new Set([...a.entries.keys(), ...b.entries.keys()])].sort()) {
    const [first, second] = [a.entries.get(path), b.entries.get(path)];
    if (first === undefined) differences.push({ path, what: 'only in the second', detail: second!.kind });
    else if (second === undefined) differences.push({ path, what: 'only in the first', detail: first.kind });
    else {
      differences.push(...compareEntries({ path, a, b }, first, second));
      if (isBytecode(path) && first.kind === 'file' && second.kind === 'file' && first.content !== second.content) compiled.push({ path, a, b });
    }
  }
  for (const tree of [a, b]) differences.push(...staleBytecode(tree));
  return [...differences, ...compareBytecode(compiled, python)];
}

/** As lines, for an assertion's message. */
export function describeDifferences(differences: readonly Difference[]): string[] {
  return differences.map(({ path, what, detail }) => `${path}: ${what}${detail === '' ? '' : ` (${detail})`}`);
}

function compareEntries(pair: Pair, a: TreeEntry, b: TreeEntry): Difference[] {
  const { path } = pair;
  if (a.kind !== b.kind) return [{ path, what: 'kind', detail: `${a.kind}, ${b.kind}` }];
  const differences: Difference[] = [];
  if (a.mode !== b.mode) differences.push({ path, what: 'mode', detail: `${a.mode.toString(8)}, ${b.mode.toString(8)}` });
  if (a.kind === 'symlink' && a.content.replaceAll(pair.a.prefix, pair.b.prefix) !== b.content) {
    differences.push({ path, what: 'target', detail: `${a.content}, ${b.content}` });
  }
  if (a.kind === 'file' && a.content !== b.content && !isBytecode(path) && !ALLOWED.some((allowance) => allowance.allows(pair))) {
    differences.push({ path, what: 'bytes', detail: `${a.size}, ${b.size}` });
  }
  return differences;
}

function isBytecode(path: string): boolean {
  return path.endsWith('.pyc') && basename(dirname(path)) === '__pycache__';
}

/** Bytecode that Python would not accept for the source beside it (PEP 552): another time or size in its header. */
function staleBytecode(tree: Tree): Difference[] {
  const differences: Difference[] = [];
  for (const [path, { kind }] of tree.entries) {
    if (!isBytecode(path) || kind !== 'file') continue;
    const source = tree.entries.get(join(dirname(path), '..', `${basename(path).split('.')[0]!}.py`));
    const header = readHeader(join(tree.root, path));
    const [flags, mtime, size] = [4, 8, 12].map((offset) => header.readUInt32LE(offset));
    if (source === undefined || flags !== 0) continue;
    if (mtime !== source.mtime >>> 0 || size !== source.size >>> 0) {
      const detail = `in ${tree.root}: ${mtime!} ${size!}, source ${source.mtime} ${source.size}`;
      differences.push({ path, what: 'stale bytecode', detail });
    }
  }
  return differences;
}

function readHeader(path: string): Buffer {
  const header = Buffer.alloc(16);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, header, 0, 16, 0);
  } finally {
    closeSync(fd);
  }
  return header;
}

function compareBytecode(pairs: readonly Pair[], python: string): Difference[] {
  const differences: Difference[] = [];
  const same: Pair[] = [];
  for (const pair of pairs) {
    const [a, b] = [pair.a, pair.b].map((tree) => readHeader(join(tree.root, pair.path))) as [Buffer, Buffer];
    // Magic number and flags; time and size are checked against the source.
    if (a.subarray(0, 8).equals(b.subarray(0, 8))) same.push(pair);
    else differences.push({ path: pair.path, what: 'bytecode', detail: 'header' });
  }
  if (same.length === 0) return differences;
  const input = same.map(({ path, a, b }) => JSON.stringify([join(a.root, path), join(b.root, path)])).join('\n');
  const script = join(import.meta.dirname, 'pyc.py');
  const output = execFileSync(python, ['-I', script], { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  output.trimEnd().split('\n').forEach((line, i) => {
    const detail = JSON.parse(line) as string | null;
    if (detail !== null) differences.push({ path: same[i]!.path, what: 'bytecode', detail });
  });
  return differences;
}
