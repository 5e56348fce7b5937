import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, join, normalize } from 'node:path';
import type { Tree } from './tree.ts';

/** The same path in two trees, with different bytes. */
export interface Pair {
  readonly path: string;
  readonly a: Tree;
  readonly b: Tree;
}

/** A difference between two environments that is none. */
export interface Allowance {
  readonly name: string;
  readonly reason: string;
  /** Whether this is all that the two files differ in. */
  allows(pair: Pair): boolean;
}

/** What is not looked at in the first place. */
export const NOT_COMPARED: readonly { readonly what: string; readonly reason: string }[] = [
  { what: 'modification times', reason: 'two installations by pip differ in them, too; what bytecode says of its source is checked' },
  { what: 'inode, link count, owner', reason: 'files may be linked or cloned from the cache; both installations are of one user' },
  { what: 'co_filename in bytecode', reason: 'Python sets it anew when it loads a module; only the code is compared' },
];

/** What may differ in files. Bytecode is compared separately, by the interpreter. */
export const ALLOWED: readonly Allowance[] = [
  {
    name: 'the path of the environment',
    reason: 'scripts, activation scripts and pyvenv.cfg name the environment that they belong to',
    allows: ({ path, a, b }) =>
      (path.startsWith('bin/') || path === 'pyvenv.cfg') &&
      bytes(a, path).toString('latin1').replaceAll(a.prefix, b.prefix) === bytes(b, path).toString('latin1'),
  },
  {
    name: 'the name of the environment',
    reason: 'activation scripts put it in front of the prompt',
    allows: ({ path, a, b }) =>
      /^bin\/activate(\.\w+)?$/i.test(path) && withoutNames(bytes(a, path), a.prefix) === withoutNames(bytes(b, path), b.prefix),
  },
  {
    name: 'what RECORD says of scripts',
    reason: 'their hash and size follow from the path of the environment; both rows must be true of their tree',
    allows: ({ path, a, b }) => path.endsWith('.dist-info/RECORD') && sameRecords(path, a, b),
  },
];

function withoutNames(script: Buffer, prefix: string): string {
  return script.toString('latin1').replaceAll(prefix, '<path>').replaceAll(basename(prefix), '<name>');
}

function bytes(tree: Tree, path: string): Buffer {
  return readFileSync(join(tree.root, path));
}

function sameRecords(path: string, a: Tree, b: Tree): boolean {
  const [rowsA, rowsB] = [a, b].map((tree) => bytes(tree, path).toString().split('\n')) as [string[], string[]];
  if (rowsA.length !== rowsB.length) return false;
  return rowsA.every((row, i) => row === rowsB[i] || (isTrueScriptRow(row, path, a) && isTrueScriptRow(rowsB[i]!, path, b) && sameFile(row, rowsB[i]!)));
}

function sameFile(rowA: string, rowB: string): boolean {
  return rowA.split(',')[0] === rowB.split(',')[0];
}

/** Whether a row is of a file in `bin`, and gives the hash and size that the file has. */
function isTrueScriptRow(row: string, record: string, tree: Tree): boolean {
  const [name, hash, size] = row.trimEnd().split(',');
  const path = normalize(join(record, '../..', name ?? ''));
  if (!path.startsWith('bin/') || tree.entries.get(path)?.kind !== 'file') return false;
  const data = bytes(tree, path);
  return hash === `sha256=${createHash('sha256').update(data).digest('base64url')}` && size === String(data.length);
}
