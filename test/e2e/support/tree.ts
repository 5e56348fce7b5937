import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readdirSync, readlinkSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Outcome } from '../../support/run.ts';
import type { Venv } from '../../support/venv.ts';
import { remove } from './world.ts';

/** Bytecode of pip itself, which Python may write anew whenever pip is run. */
const OF_THE_TOOLS = /site-packages\/(pip|setuptools|pkg_resources|_distutils_hack)\/.*\.pyc$/;

/** What lies below a directory: path to kind, mode and contents. */
export type Tree = Readonly<Record<string, string>>;

/**
 * Reads a tree for comparison. Of bytecode only the header counts: its code names the directory that it was compiled in, which Python
 * replaces as it loads it.
 */
export function treeOf(root: string): Tree {
  const tree: Record<string, string> = {};
  const visit = (path: string): void => {
    for (const name of readdirSync(join(root, path)).sort()) {
      const child = path === '' ? name : `${path}/${name}`;
      if (OF_THE_TOOLS.test(child)) continue;
      tree[child] = describe(join(root, child));
      if (lstatSync(join(root, child)).isDirectory()) visit(child);
    }
  };
  visit('');
  return tree;
}

function describe(path: string): string {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return `link ${readlinkSync(path)}`;
  const mode = (stat.mode & 0o7777).toString(8);
  if (stat.isDirectory()) return `directory ${mode}`;
  if (!stat.isFile()) return 'special';
  const bytes = readFileSync(path);
  if (path.endsWith('.pyc')) return `bytecode ${mode} ${isCurrent(path, bytes) ? 'current' : 'stale'}`;
  if (basename(path) === 'RECORD') return `RECORD ${mode}\n${bytes.toString()}`;
  return `file ${mode} ${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Whether Python would take bytecode for its source as it is: time and size of the source (PEP 552). */
function isCurrent(path: string, bytes: Buffer): boolean {
  const source = join(dirname(dirname(path)), `${basename(path).split('.')[0]}.py`);
  const stat = statSync(source, { throwIfNoEntry: false });
  return stat !== undefined && bytes.length >= 16 && bytes.readUInt32LE(8) === Math.trunc(stat.mtimeMs / 1000) && bytes.readUInt32LE(12) === stat.size;
}

/** What installs have left in an environment's site-packages, but for what `python -m venv` put there; nothing of it depends on the place. */
export function packagesIn({ sitePackages }: Pick<Venv, 'sitePackages'>): Tree {
  const brought = /^(pip|setuptools|wheel|pkg_resources|_distutils_hack|distutils-precedence\.pth)\b/;
  return Object.fromEntries(Object.entries(treeOf(sitePackages)).filter(([path]) => !brought.test(path)));
}

export interface Comparison {
  readonly pip: Outcome;
  readonly shim: Outcome;
  readonly expected: Tree;
  readonly actual: Tree;
}

/**
 * Does the same thing twice to one environment, in one place, so that nothing differs by its path: by the real pip, and then, with the
 * environment as it was before, through the shim.
 */
export async function sideBySide(venv: Pick<Venv, 'dir'>, real: () => Promise<Outcome>, shim: () => Promise<Outcome>): Promise<Comparison> {
  const kept = `${venv.dir}.kept`;
  execFileSync('cp', ['-a', venv.dir, kept]);
  const pip = await real();
  const expected = treeOf(venv.dir);
  remove(venv.dir);
  renameSync(kept, venv.dir);
  return { pip, expected, shim: await shim(), actual: treeOf(venv.dir) };
}
