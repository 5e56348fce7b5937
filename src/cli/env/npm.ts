import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalCache } from '../../cache/local.ts';
import { PkgCacheError } from '../../errors.ts';
import { HIDDEN_LOCKFILE } from '../../npm/lockfile.ts';
import { packageKey } from '../../npm/entry.ts';
import { isInstalled, nameAt, readLock, type LockPackage } from '../../npm/lockfile.ts';
import { normalUrl } from '../../policy.ts';
import type { Environment, Row } from './row.ts';

/** What npm has put into the node_modules of a project, as its hidden lockfile says. Throws USAGE where there is none. */
export function projectEnvironment(directory: string, cache: LocalCache): Environment {
  const lock = readLock(join(directory, HIDDEN_LOCKFILE));
  if (!lock) throw new PkgCacheError('USAGE', `${directory}/node_modules has no .package-lock.json`, { hint: 'npm leaves one there; other tools do not' });
  const rows = [...lock.packages].filter(([location]) => isInstalled(location)).map(([location, entry]) => rowOf(directory, location, entry, cache));
  return { ecosystem: 'npm', title: directory, rows };
}

function rowOf(directory: string, location: string, { name = nameAt(location), version = '?', integrity, resolved, link }: LockPackage, cache: LocalCache): Row {
  const path = join(directory, location);
  const local = integrity === undefined ? undefined : cache.lookup(packageKey(name, version, integrity));
  return { package: name, version, path, ...originOf(resolved, link === true), entry: local?.dir, changed: !lstatSync(path, { throwIfNoEntry: false }) };
}

/** `https://registry/@scope/name/-/name-1.0.0.tgz`: registry, and archive. */
function originOf(resolved: string | undefined, link: boolean): Pick<Row, 'index' | 'archive'> {
  if (resolved === undefined) return { index: undefined, archive: undefined };
  if (link) return { index: undefined, archive: `link to ${resolved}` };
  const url = /^https?:/.test(resolved) ? normalUrl(resolved) : undefined;
  const [, index, archive] = /^(https?:\/\/.*?)\/(?:@[^/]+\/)?[^/]+\/-\/([^/]+)$/.exec(url ?? '') ?? [];
  return { index, archive: archive ?? url ?? resolved.replace(/\/\/[^/@\s]*@/, '//') };
}
