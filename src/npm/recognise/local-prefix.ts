import { dirname, join } from 'node:path';
import { isDirectory, isFile } from './files.ts';
import { isWorkspace } from './workspaces.ts';

export interface LocalPrefix {
  /** The project's directory. */
  readonly path: string;
  /** It has a package.json. */
  readonly hasPackage: boolean;
  /** The workspace that the working directory is in, if `path` is the project that declares it. */
  readonly workspace?: string;
}

/**
 * The project that npm works on (`loadLocalPrefix`): `--prefix`; else the nearest directory upwards with a package.json or
 * node_modules, or the project above it that declares it a workspace; else the working directory.
 */
export function findLocalPrefix(cwd: string, given: string | undefined, alone: boolean): LocalPrefix {
  if (given !== undefined) return { path: given, hasPackage: isFile(join(given, 'package.json')) };
  let found: LocalPrefix | undefined;
  for (let path = cwd; ; path = dirname(path)) {
    const hasPackage = isFile(join(path, 'package.json'));
    if (found === undefined && (hasPackage || isDirectory(join(path, 'node_modules')))) {
      found = { path, hasPackage };
      if (alone) return found;
    } else if (found !== undefined && hasPackage && isWorkspace(path, found.path)) {
      return { path, hasPackage, workspace: found.path };
    }
    if (dirname(path) === path) return found ?? { path: cwd, hasPackage: false };
  }
}
