import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { listDir } from '../../cache/sweep.ts';

/** A `.pth` file in a site directory; what cannot be read, Python leaves out as well. */
interface PthFile {
  readonly path: string;
  readonly lines: readonly string[];
}

/** The `.pth` files of a site directory with the lines that count (site.py, addpackage). */
export function readPthFiles(directory: string): PthFile[] {
  const names = listDir(directory).filter((name) => name.endsWith('.pth'));
  return names.map((name) => {
    const path = join(directory, name);
    return { path, lines: readText(path).split('\n').map((line) => line.trimEnd()).filter((line) => line !== '' && !line.startsWith('#')) };
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** A line of a `.pth` file that is run, rather than a directory. */
export function isImport(line: string): boolean {
  return /^import[ \t]/.test(line);
}

/** Adds the directories that `.pth` files in site directories name. */
export function withPthDirectories(paths: readonly string[]): string[] {
  return [...new Set(paths.flatMap((directory) => [directory, ...readPthFiles(directory).flatMap((file) => directoriesIn(directory, file))]))];
}

function directoriesIn(directory: string, { lines }: PthFile): string[] {
  const named = lines.filter((line) => !isImport(line)).map((line) => (isAbsolute(line) ? line : join(directory, line)));
  return named.filter((path) => existsSync(path));
}

/** Whether a directory of `sys.path` is one that nothing is installed into. */
export function isStandardLibrary(path: string, stdlib: string): boolean {
  return path === stdlib || path.endsWith('/lib-dynload');
}
