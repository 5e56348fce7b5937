import { lstatSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseRecord } from '../record.ts';
import { parseEntryPoints } from '../scripts.ts';
import type { InstalledDistribution } from '../installed.ts';
import { exists, type UndoLog } from '../../place/undo.ts';

export interface UninstallContext {
  /** `sys.implementation.cache_tag`, to find bytecode that RECORD does not know of. */
  readonly cacheTag: string;
  /** Where entry points' scripts are. */
  readonly scripts: string;
  /** The virtual environment that nothing outside of may be removed for; undefined outside of one. */
  readonly venv: string | undefined;
}

/**
 * Moves all that belongs to an installed distribution out of the way, as pip's UninstallPathSet does: the files of RECORD and their bytecode,
 * the scripts of its entry points, and directories in which no file is left (pip/_internal/req/req_uninstall.py).
 */
export function uninstall(dist: InstalledDistribution, context: UninstallContext, undo: UndoLog): void {
  // The .dist-info first: a distribution that is half gone must not count as installed.
  const info = `${join(dist.location, dist.info)}/`;
  const paths = installedPaths(dist, context).sort((a, b) => Number(b.startsWith(info)) - Number(a.startsWith(info)));
  for (const path of paths) undo.setAside(path);
  const directories = [...new Set(paths.map((path) => dirname(path)))].sort((a, b) => a.length - b.length);
  for (const directory of directories) {
    if (exists(directory) && !holdsFiles(directory)) undo.setAside(directory);
  }
}

function installedPaths(dist: InstalledDistribution, context: UninstallContext): string[] {
  const info = join(dist.location, dist.info);
  // A path may be absolute (PEP 376); pip joins as os.path.join does.
  const recorded = parseRecord(readFileSync(join(info, 'RECORD'), 'utf8')).map(([path]) => resolve(dist.location, path));
  const bytecode = recorded.filter((path) => path.endsWith('.py')).flatMap((path) => bytecodePaths(path, context.cacheTag));
  const candidates = new Set([...recorded, ...bytecode, ...entryPointScripts(info, context.scripts)]);
  const prefix = context.venv === undefined ? undefined : `${realpathSync(context.venv)}/`;
  return [...candidates].filter((path) => isFile(path) && (prefix === undefined || isBelow(path, prefix)));
}

function bytecodePaths(source: string, cacheTag: string): string[] {
  const stem = source.slice(0, -'.py'.length);
  return [`${stem}.pyc`, `${stem}.pyo`, join(dirname(source), '__pycache__', `${basename(stem)}.${cacheTag}.pyc`)];
}

function entryPointScripts(info: string, scripts: string): string[] {
  try {
    const { console, gui } = parseEntryPoints(readFileSync(join(info, 'entry_points.txt'), 'utf8'));
    return [...console, ...gui].map(({ name }) => join(scripts, name));
  } catch {
    return [];
  }
}

function isFile(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat !== undefined && !stat.isDirectory();
}

function isBelow(path: string, prefix: string): boolean {
  return join(realpathSync(dirname(path)), basename(path)).startsWith(prefix);
}

function holdsFiles(directory: string): boolean {
  return readdirSync(directory, { withFileTypes: true }).some((item) => !item.isDirectory() || holdsFiles(join(directory, item.name)));
}
