import { isUtf8 } from 'node:buffer';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseMetadata, type CoreMetadata } from './metadata.ts';
import { normalName } from './recognise/names.ts';
import { listDir } from '../cache/sweep.ts';

/** A distribution that an environment has already. */
export interface InstalledDistribution {
  /** PEP 503 normal form. */
  readonly name: string;
  readonly version: string;
  /** The site directory that it was found in. */
  readonly location: string;
  /** The name of its `.dist-info` directory (or of its egg-info, egg or egg-link). */
  readonly info: string;
  /** Whether it was installed from a wheel, so that RECORD says which files are its own. */
  readonly recorded: boolean;
  /** What else there is of this project in the same place, so that only pip knows which counts: the one that the directory happens to list first. */
  readonly others?: readonly InstalledDistribution[];
}

/** What `sys.path` offers; the first of a name wins, as in importlib.metadata. */
export type InstalledView = ReadonlyMap<string, InstalledDistribution>;

/** Reads the installed distributions from directory names alone. */
export function findInstalled(sitePaths: readonly string[]): InstalledView {
  const view = new Map<string, InstalledDistribution>();
  for (const location of sitePaths) {
    for (const info of listDir(location)) {
      const found = parseInfoName(info);
      if (!found) continue;
      const first = view.get(found.name);
      if (!first) view.set(found.name, { ...found, location, info });
      else if (first.location === location) view.set(found.name, { ...first, others: [...(first.others ?? []), { ...found, location, info }] });
    }
  }
  return view;
}

function parseInfoName(info: string): Pick<InstalledDistribution, 'name' | 'version' | 'recorded'> | undefined {
  const dist = /^([^-]+)-([^-]+)\.dist-info$/.exec(info);
  if (dist) return { name: normalName(dist[1] ?? ''), version: dist[2] ?? '', recorded: true };
  const egg = /^(.+?)(?:-([^-]+?))?(?:-py[\d.]+[^/]*)?\.(?:egg-info|egg|egg-link)$/.exec(info);
  return egg ? { name: normalName(egg[1] ?? ''), version: egg[2] ?? '', recorded: false } : undefined;
}

/** Metadata of an installed distribution, or undefined where it cannot be read (pip copes; we leave it to pip). */
export function readInstalledMetadata(dist: InstalledDistribution): CoreMetadata | undefined {
  if (!dist.recorded) return undefined;
  try {
    return parseMetadata(readFileSync(join(dist.location, dist.info, 'METADATA'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** The dependencies of an installed distribution, of all that there is of it in its place. */
export function readRequirements(dist: InstalledDistribution): string[] {
  const all = [dist, ...(dist.others ?? [])];
  return all.flatMap((each) => (each.recorded ? (readInstalledMetadata(each)?.requiresDist ?? []) : readEggRequirements(each)));
}

/** The dependencies that every user of an `.egg-info` needs: those above the first section of its `requires.txt` (setuptools, pkg_resources). */
function readEggRequirements(dist: InstalledDistribution): string[] {
  let text: string;
  try {
    text = readFileSync(join(dist.location, dist.info, 'requires.txt'), 'utf8');
  } catch {
    return [];
  }
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const section = lines.findIndex((line) => line.startsWith('['));
  return (section === -1 ? lines : lines.slice(0, section)).filter((line) => line !== '');
}

/**
 * What a broken install has left, of which only pip knows what it makes of it: something that was moved aside (its name begins with `~`; pip
 * warns about it each time that it looks), or a `.dist-info` without METADATA (pip warns, or takes the directory's word).
 */
export function findLeftover(sitePaths: readonly string[]): string | undefined {
  for (const location of sitePaths) {
    for (const info of listDir(location)) {
      if (/^[~-].*\.(?:dist-info|egg-info)$/.test(info)) return join(location, info);
      if (info.endsWith('.dist-info') && isEmpty(join(location, info, 'METADATA'))) return join(location, info);
    }
  }
  return undefined;
}

function isEmpty(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

/** Whether pip could replace it the way we do: all its files are in RECORD, by names that can be read, and it is not an editable install. */
export function isReplaceable(dist: InstalledDistribution): boolean {
  const info = join(dist.location, dist.info);
  return dist.recorded && ['RECORD', 'METADATA'].every((name) => isText(join(info, name))) && !existsSync(join(info, 'direct_url.json'));
}

function isText(path: string): boolean {
  return existsSync(path) && isUtf8(readFileSync(path));
}
