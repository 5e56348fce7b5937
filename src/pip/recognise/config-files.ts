import { existsSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { PkgCacheError } from '../../errors.ts';
import { parseIni, type Sections } from './ini.ts';
import type { Context } from './request.ts';

const BASENAME = 'pip.conf';

/**
 * The contents of pip's configuration files, least important first: global, user, site, PIP_CONFIG_FILE
 * (`Configuration.iter_config_files`). None at all when PIP_CONFIG_FILE is the null device; no user files when isolated or
 * when PIP_CONFIG_FILE exists. Throws UNRECOGNISED for a file that pip would not read the same way in every version.
 */
export function readConfigFiles(ctx: Context, isolated: boolean): Sections[] {
  const own = ctx.env['PIP_CONFIG_FILE'];
  if (own === '/dev/null') return [];
  const ownPath = own === undefined || own === '' ? undefined : resolve(ctx.cwd, own);
  const withUser = !isolated && !(ownPath !== undefined && existsSync(ownPath));
  const paths = [
    ...globalFiles(ctx),
    ...(withUser ? userFiles(ctx) : []),
    ...(ctx.sitePrefix === undefined ? [] : [join(ctx.sitePrefix, BASENAME)]),
    ...(ownPath === undefined ? [] : [ownPath]),
  ];
  // A file that comes up twice keeps its first place, as a key of a Python dict does.
  return [...new Set(paths)].map(readFile).filter((text) => text !== '').map(parseIni);
}

function globalFiles(ctx: Context): string[] {
  if (ctx.platform === 'darwin') return macGlobalFiles(ctx);
  const directories = absoluteAll('XDG_CONFIG_DIRS', (ctx.env['XDG_CONFIG_DIRS'] ?? '').split(':'));
  const parents = directories.length === 0 ? ['/etc/xdg'] : directories;
  return [...parents.map((parent) => join(parent, 'pip', BASENAME)), join('/etc', BASENAME)];
}

/** Recent pips also look below Homebrew's prefix and XDG_DATA_DIRS, older ones do not. */
function macGlobalFiles(ctx: Context): string[] {
  const recent = ['/opt/homebrew/share', '/usr/local/share'].map((share) => join(share, 'pip', BASENAME));
  if (recent.some((path) => existsSync(path)) || ctx.env['XDG_DATA_DIRS'] || ctx.env['XDG_DATA_HOME']) {
    throw new PkgCacheError('UNRECOGNISED', 'configuration that only some pips read');
  }
  return [join('/Library/Application Support', 'pip', BASENAME)];
}

/** The legacy file, then the current one, which wins. */
function userFiles(ctx: Context): string[] {
  return [join(ctx.home, '.pip', BASENAME), join(userConfigDirectory(ctx), BASENAME)];
}

function userConfigDirectory(ctx: Context): string {
  if (ctx.platform === 'darwin') {
    const library = join(ctx.home, 'Library', 'Application Support', 'pip');
    const exists = statSync(library, { throwIfNoEntry: false })?.isDirectory() === true;
    return exists ? library : join(ctx.home, '.config', 'pip');
  }
  const [config] = absoluteAll('XDG_CONFIG_HOME', [ctx.env['XDG_CONFIG_HOME'] ?? '']);
  return join(config ?? join(ctx.home, '.config'), 'pip');
}

/** Recent pips ignore relative XDG paths, older ones follow them. */
function absoluteAll(variable: string, paths: readonly string[]): string[] {
  const given = paths.map((path) => path.trim()).filter((path) => path !== '');
  if (given.some((path) => !isAbsolute(path))) throw new PkgCacheError('UNRECOGNISED', `${variable} holds a relative path`);
  return given;
}

/** What cannot be opened is skipped, as `RawConfigParser.read` does. */
function readFile(path: string): string {
  let bytes: Buffer;
  try {
    // Opening a pipe could block, and would take its bytes from pip.
    if (!statSync(path).isFile()) return refuseUnlessDirectory(path);
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof PkgCacheError) throw error;
    return '';
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new PkgCacheError('UNRECOGNISED', `configuration file is not UTF-8: ${path}`, { cause });
  }
}

function refuseUnlessDirectory(path: string): string {
  if (statSync(path).isDirectory()) return '';
  throw new PkgCacheError('UNRECOGNISED', `configuration file is not a regular file: ${path}`);
}
