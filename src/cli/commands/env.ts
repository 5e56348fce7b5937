import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { homeDirectory } from '../../config.ts';
import { PkgCacheError } from '../../errors.ts';
import { listDir } from '../../cache/sweep.ts';
import { interpreterOf } from '../../pip/python/interpreter.ts';
import type { Command } from '../command.ts';
import { projectEnvironment } from '../env/npm.ts';
import { directoryEnvironment, interpreterEnvironment, type Surroundings } from '../env/pip.ts';
import type { Environment, Row } from '../env/row.ts';
import { formatCount, standardOutput, type Printer } from '../terminal.ts';
import { realTool } from '../tools.ts';
import { openWorld } from '../world.ts';

interface Options {
  readonly dir?: string | undefined;
  readonly python?: string | undefined;
  readonly json: boolean;
}

const NOTES = `(cached): the local cache has the same files, by their hashes in RECORD, or by the integrity in npm's hidden lockfile; an install elsewhere would
be served from there. What pip's packages came from is only known of those. (changed): files are gone, or not as long as they were.`;

export const env: Command<Options> = {
  command: 'env [dir]',
  describe: 'Look at an installed environment: what is in it, where that came from, what of it is cached',
  builder: (argv) =>
    argv
      .positional('dir', { type: 'string', describe: 'A virtual environment, a project with node_modules, a directory that pip install --target has filled' })
      .option('python', { type: 'string', requiresArg: true, describe: 'An interpreter, or the directory of a virtual environment' })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
      .conflicts('python', 'dir')
      .example('$0 env', 'node_modules here if there is one, else the active virtual environment, else that of pip')
      .example('$0 env .venv', 'a virtual environment')
      .example('$0 env --python python3.12', 'an interpreter'),
  exits: '0 done, 2 there is no such environment',
  notes: NOTES,
  run: ({ dir, python, json }) => {
    const { env: variables, cache } = openWorld();
    const surroundings = { env: variables, cwd: process.cwd(), home: homeDirectory(), cache };
    const environment = understood(() => (python === undefined ? find(dir, surroundings) : interpreterEnvironment(pathOf(python, surroundings), surroundings)));
    const printer = standardOutput();
    if (json) printer.line(JSON.stringify(environment, null, 2));
    else print(environment, printer);
    printer.flush();
    return 0;
  },
};

function understood(look: () => Environment): Environment {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'UNRECOGNISED') throw error;
    throw new PkgCacheError('USAGE', error.message, { hint: 'name a virtual environment, an interpreter, or a project with node_modules' });
  }
}

/** A name is looked for on PATH, as a shell would; and what it stands for (a version manager's script may be there) says itself. */
function pathOf(python: string, { env: variables, cwd }: Surroundings): string {
  const path = python.includes('/') || existsSync(resolve(cwd, python)) ? resolve(cwd, python) : realTool(python, variables);
  if (path === undefined) throw new PkgCacheError('USAGE', `${python} is not on PATH`);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path;
  try {
    return execFileSync(path, ['-I', '-c', 'import sys; print(sys.executable)'], { encoding: 'utf8', env: { ...variables }, stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 }).trim();
  } catch {
    throw new PkgCacheError('USAGE', `${path} is not an interpreter of Python`);
  }
}

function find(dir: string | undefined, surroundings: Surroundings): Environment {
  const { env: variables, cwd, cache } = surroundings;
  if (dir !== undefined) return inDirectory(resolve(cwd, dir), surroundings);
  if (existsSync(join(cwd, 'node_modules'))) return projectEnvironment(cwd, cache);
  if ((variables['VIRTUAL_ENV'] ?? '') !== '') return interpreterEnvironment(variables['VIRTUAL_ENV'] ?? '', surroundings);
  const pip = realTool('pip', variables);
  if (pip === undefined) throw new PkgCacheError('USAGE', 'there is neither node_modules here nor a pip on PATH', { hint: 'name an environment: pkg-cache env .venv' });
  return interpreterEnvironment(interpreterOf(pip, variables).executable, surroundings);
}

function inDirectory(directory: string, surroundings: Surroundings): Environment {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) throw new PkgCacheError('USAGE', `${directory} is not a directory`);
  if (existsSync(join(directory, 'pyvenv.cfg'))) return interpreterEnvironment(directory, surroundings);
  if (basename(directory) === 'node_modules') return projectEnvironment(dirname(directory), surroundings.cache);
  if (existsSync(join(directory, 'node_modules'))) return projectEnvironment(directory, surroundings.cache);
  if (listDir(directory).some((name) => name.endsWith('.dist-info'))) return directoryEnvironment(directory, surroundings);
  throw new PkgCacheError('USAGE', `${directory} is neither a virtual environment nor a project with node_modules`);
}

function print({ ecosystem, title, rows }: Environment, printer: Printer): void {
  const cached = rows.filter(({ entry }) => entry !== undefined).length;
  printer.line(`${title}, ${formatCount(rows.length, 'package')}, ${cached} of them cached`);
  const heads = ['package', ecosystem === 'npm' ? 'registry' : 'index', 'archive'] as const;
  const cells = rows.map((row) => [`${row.package}${ecosystem === 'npm' ? '@' : '=='}${row.version}`, row.index ?? '-', row.archive ?? '-'] as const);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...[heads, ...cells].map((cell) => cell[column as 0 | 1 | 2].length)));
  const textOf = (each: readonly string[]): string => each.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  if (rows.length > 0) printer.line(printer.paint('bold', textOf(heads).trimEnd()));
  for (const [index, row] of rows.entries()) printer.line(`${textOf(cells[index] ?? [])}  ${marks(row, printer)}`.trimEnd());
}

function marks({ entry, changed }: Row, printer: Printer): string {
  return [...(entry === undefined ? [] : [printer.paint('green', '(cached)')]), ...(changed ? [printer.paint('yellow', '(changed)')] : [])].join(' ');
}
