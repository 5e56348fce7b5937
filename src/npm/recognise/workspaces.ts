import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { refuse } from './refuse.ts';

/** A pattern of which it is plain what it matches: names, `*` for a whole name, `**` for any number of them. */
const PLAIN_PATTERN = /^(\.?\/)?((\*\*?|[\w@.+-]+)(\/|$))+$/;

/**
 * Whether the package.json in `root` makes `directory` one of its workspaces (`map-workspaces`). Throws UNRECOGNISED where only
 * npm's own globbing could tell, and where npm would refuse the declaration.
 */
export function isWorkspace(root: string, directory: string): boolean {
  const declared = declaredWorkspaces(root);
  if (declared === undefined || declared === null || declared === false || declared === '' || declared === 0) return false;
  const packages = (declared as { packages?: unknown }).packages;
  const patterns: unknown = Array.isArray(packages) ? packages : declared;
  if (!Array.isArray(patterns) || !patterns.every((p) => typeof p === 'string' && PLAIN_PATTERN.test(p))) refuse('workspaces that only npm can match');
  const path = relative(root, directory);
  if (path.split('/').includes('node_modules')) return false;
  const names = path.split('/');
  return (patterns as readonly string[]).some((pattern) => matches(pattern.replace(/^\.?\/+/, '').split('/').filter((part) => part !== ''), names));
}

/** `workspaces` of a package.json; undefined where npm cannot read it, which it passes over. */
function declaredWorkspaces(root: string): unknown {
  try {
    const text = readFileSync(join(root, 'package.json'), 'utf8');
    const content: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    return content === null || typeof content !== 'object' ? undefined : (content as { workspaces?: unknown }).workspaces;
  } catch {
    return undefined;
  }
}

function matches(pattern: readonly string[], names: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return names.length === 0;
  const [name, ...others] = names;
  if (first === '**') return matches(rest, names) || (name !== undefined && !name.startsWith('.') && matches(pattern, others));
  if (name === undefined) return false;
  return (first === '*' ? !name.startsWith('.') : first === name) && matches(rest, others);
}
