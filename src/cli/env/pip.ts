import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { entryDirs, entryStatus } from '../../cache/listing.ts';
import type { LocalCache } from '../../cache/local.ts';
import { knownOrigins } from '../../cache/origins.ts';
import { listDir } from '../../cache/sweep.ts';
import type { Env } from '../../config.ts';
import type { PipEntry, PipMeta } from '../../pip/entry.ts';
import { findInstalled, type InstalledDistribution } from '../../pip/installed.ts';
import { factsOf, ownSitePaths } from '../../pip/python/environment.ts';
import { interpreterNamed } from '../../pip/python/interpreter.ts';
import { recognise } from '../../pip/recognise/argv.ts';
import { originFingerprint } from '../../pip/recognise/origin.ts';
import { parseRecord, type RecordRow } from '../../pip/record.ts';
import { sourcesOf } from '../../pip/understand.ts';
import { canonicalVersion } from '../../pip/version.ts';
import { normalUrl } from '../../policy.ts';
import type { Environment, Row } from './row.ts';

/** What the outside world has to say when an environment of Python is looked at. */
export interface Surroundings {
  readonly env: Env;
  readonly cwd: string;
  readonly home: string;
  readonly cache: LocalCache;
}

/** The environment of an interpreter, or of a virtual environment's directory. Throws UNRECOGNISED. */
export function interpreterEnvironment(python: string, surroundings: Surroundings): Environment {
  const { cache, cwd, env, home } = surroundings;
  const interpreter = interpreterNamed(python, cwd);
  const facts = factsOf(interpreter, (name) => cache.path(name), env);
  const context = { env, cwd, home, platform: process.platform, sitePrefix: interpreter.venv ?? facts.prefix };
  const title = `${interpreter.venv ?? interpreter.executable}: Python ${facts.version.join('.')}`;
  return { ecosystem: 'pip', title, rows: rowsOf(ownSitePaths(interpreter, facts), surroundings, context.sitePrefix) };
}

/** What lies in a directory of packages, as `pip install --target` fills them. */
export function directoryEnvironment(directory: string, surroundings: Surroundings): Environment {
  return { ecosystem: 'pip', title: directory, rows: rowsOf([directory], surroundings, '/') };
}

function rowsOf(sitePaths: readonly string[], surroundings: Surroundings, sitePrefix: string): Row[] {
  const installed = [...findInstalled(sitePaths).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const entries = entriesFor(installed, surroundings.cache);
  const configured = configuredIndex(surroundings, sitePrefix);
  const origins = knownOrigins(surroundings.cache);
  return installed.map((distribution) => {
    const record = recordOf(distribution);
    const candidates = entries.get(keyOf(distribution)) ?? [];
    const entry = candidates.find((each) => hasSameFiles(each, record, surroundings.cache));
    return {
      package: distribution.name,
      version: distribution.version,
      path: join(distribution.location, distribution.info),
      ...originOf(distribution, entry, configured, origins),
      entry: entry?.dir,
      changed: record.some((row) => isChanged(distribution.location, row)),
    };
  });
}

function keyOf({ name, version }: { readonly name: string; readonly version: string }): string {
  return `${name}==${canonicalVersion(version) ?? version}`;
}

/** The entries of the cache that are of the same packages and versions, for whatever platform and from wherever. */
function entriesFor(installed: readonly InstalledDistribution[], cache: LocalCache): Map<string, PipEntry[]> {
  const wanted = new Set(installed.map(keyOf));
  const found = new Map<string, PipEntry[]>();
  for (const dir of entryDirs(cache.root)) {
    const { key, status } = entryStatus(dir);
    if (status !== 'cached' || key?.ecosystem !== 'pip' || !wanted.has(keyOf(key))) continue;
    const local = cache.lookup<PipMeta>(key);
    if (local) found.set(keyOf(key), [...(found.get(keyOf(key)) ?? []), local]);
  }
  return found;
}

function recordOf({ location, info }: InstalledDistribution): RecordRow[] {
  try {
    return parseRecord(readFileSync(join(location, info, 'RECORD'), 'utf8'));
  } catch {
    return []; // setup.py has installed it.
  }
}

/** Made by whoever installs, and not the same everywhere. */
const OWN = /\.dist-info\/(?:RECORD|INSTALLER|REQUESTED|direct_url\.json)$|\.pyc$/;

function hasSameFiles(entry: PipEntry, record: readonly RecordRow[], cache: LocalCache): boolean {
  const hashes = new Map(record.map(([path, hash]) => [path, hash]));
  const lib = `${entry.entry.meta.lib}/`;
  const files = cache.files(entry).filter(({ path }) => path.startsWith(lib) && !OWN.test(path));
  return files.length > 0 && files.every(({ path, sha256 }) => hashes.get(path.slice(lib.length)) === `sha256=${Buffer.from(sha256, 'hex').toString('base64url')}`);
}

function isChanged(location: string, [path, hash, size]: RecordRow): boolean {
  return hash !== '' && size !== '' && lstatSync(join(location, path), { throwIfNoEntry: false })?.size !== Number(size);
}

/** The index that pip is configured to use here, and how entries name it. */
interface Configured {
  readonly origin: string;
  readonly index: string;
}

function configuredIndex({ env, cwd, home }: Surroundings, sitePrefix: string): Configured | undefined {
  try {
    const recognition = recognise(['install', 'any==1'], { env, cwd, home, platform: process.platform, sitePrefix });
    if (!('request' in recognition)) return undefined;
    const { request } = recognition;
    return { origin: originFingerprint(request).id, index: sourcesOf(request).filter((source) => !isEmptyDirectory(source)).map((url) => normalUrl(url) ?? url).join(', ') };
  } catch {
    return undefined; // A directory of --find-links that cannot be read, say.
  }
}

/** Images name directories of wheels for --find-links in which there is nothing. */
function isEmptyDirectory(source: string): boolean {
  return source.startsWith('/') && listDir(source).length === 0;
}

/** An entry keeps of its index no more than a hash: that of the index in use here, perhaps, or of one that was used here before. */
function originOf(distribution: InstalledDistribution, entry: PipEntry | undefined, configured: Configured | undefined, origins: ReadonlyMap<string, string>): Pick<Row, 'index' | 'archive'> {
  if (entry) {
    const { key, archive } = entry.entry;
    return { index: key.origin === configured?.origin ? configured.index : (origins.get(key.origin) ?? `origin ${key.origin}`), archive: archive.filename };
  }
  try {
    const { url } = JSON.parse(readFileSync(join(distribution.location, distribution.info, 'direct_url.json'), 'utf8')) as { url?: unknown };
    return { index: undefined, archive: typeof url === 'string' ? (normalUrl(url) ?? '?') : undefined };
  } catch {
    return { index: undefined, archive: undefined };
  }
}
