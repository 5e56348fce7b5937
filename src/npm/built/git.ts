import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';

/** Where lies what changes what git does in a project. */
export interface GitPlaces {
  /** With hooks in them. */
  readonly directories: readonly string[];
  readonly files: readonly string[];
}

/**
 * Looks where git would look from a directory (gitrepository-layout(5), git-config(1)): the nearest `.git` above, which is a file in worktrees
 * and submodules; what worktrees have in common; and `core.hooksPath`, also that of `~/.gitconfig`. Files that those include are not read.
 */
export function gitPlaces(directory: string, home: string): GitPlaces {
  const top = topOf(directory);
  const own = top === undefined ? undefined : gitDirectory(join(top, '.git'));
  if (top === undefined || own === undefined) return { directories: [], files: [] };
  const common = referred(join(own, 'commondir'), /^(.+)/, own) ?? own;
  const configs = [join(common, 'config'), join(own, 'config.worktree')];
  const hooks = [...configs, join(home, '.gitconfig'), join(home, '.config/git/config')].flatMap((file) => hooksPaths(file, top, home));
  return { directories: [...new Set([join(common, 'hooks'), ...hooks])], files: [...new Set(configs)] };
}

function topOf(directory: string): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at;
    if (dirname(at) === at) return undefined;
  }
}

function gitDirectory(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true ? referred(path, /^gitdir: (.+)/, dirname(path)) : path;
}

/** The path that a file names. */
function referred(file: string, pattern: RegExp, from: string): string | undefined {
  const [, path] = pattern.exec(textOf(file)) ?? [];
  return path === undefined ? undefined : resolve(from, path.trim());
}

function hooksPaths(config: string, top: string, home: string): string[] {
  return [...textOf(config).matchAll(/^\s*(?:\[core\]\s*)?hookspath\s*=\s*"?([^"\n#;]+?)"?\s*(?:[#;].*)?$/gim)].map(([, path = '']) => {
    const expanded = path.replace(/^~(?=\/|$)/, home);
    return isAbsolute(expanded) ? expanded : join(top, expanded);
  });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
