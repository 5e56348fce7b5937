import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Env } from '../config.ts';

/** A place on PATH where a tool of some name is. */
export interface Found {
  readonly path: string;
  /** It lies in a directory of shims of ours. */
  readonly isShim: boolean;
}

/** Every tool called `name` on PATH, in order; shims/pip looks in the same way. */
export function toolsOnPath(name: string, { PATH: path = '/usr/local/bin:/usr/bin:/bin' }: Env): Found[] {
  return path.split(':').flatMap((entry) => {
    const directory = isAbsolute(entry) ? entry : join('.', entry);
    const file = join(directory, name);
    return isExecutable(file) ? [{ path: file, isShim: existsSync(join(directory, '.pkg-cache-shims')) }] : [];
  });
}

/** The tool that a shim would stand in front of, or undefined. */
export function realTool(name: string, env: Env): string | undefined {
  return toolsOnPath(name, env).find(({ isShim }) => !isShim)?.path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
