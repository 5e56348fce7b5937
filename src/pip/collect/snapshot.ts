import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, utimesSync, writeFileSync, type Stats } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { assertDistinctPaths, assertSafePath } from '../../archive/paths.ts';
import type { EntryFile, EntryKey } from '../../cache/entry.ts';
import type { LocalCache, LocalEntry, Staging } from '../../cache/local.ts';
import { PkgCacheError, systemCode } from '../../errors.ts';
import { sha256, sha256Base64Url } from '../../hash.ts';
import type { EntryPoint, OutsideRow, PipMeta, SchemeKey } from '../entry.ts';
import { parseMetadata } from '../metadata.ts';
import { formatRecord, parseRecord, type RecordRow } from '../record.ts';
import { isPlainEntryPoint, parseEntryPoints, plainShebang } from '../scripts.ts';
import { assertCurrentBytecode, bytecodeSource } from './bytecode.ts';
import { copyHashed, type Copied } from './copy-hashed.ts';
import type { CollectDetails } from './job.ts';
import type { Evidence } from './outcome.ts';
import { isMoved } from '../python/schemes.ts';
import { SchemeMap, type Located } from './locate.ts';
import { readOverwritten } from './overwritten.ts';
import type { ReportedInstall } from './report.ts';

/**
 * Makes an entry of an installed distribution, from RECORD: every file is compared with its hash there as it is copied, bytecode with the
 * source that it was made from. What depends on the target is left out and made anew when the entry is placed: scripts of entry points,
 * the interpreter line of others, REQUESTED, and RECORD's rows for files outside of the library directory. `evidence` says how pip left the
 * files: modes and bytecode have no hash, and are those of the wheel only as long as nobody has touched them.
 *
 * Throws ENTRY_INVALID when the distribution is not as pip left it, or is one that cannot be placed faithfully.
 */
export function snapshot(cache: LocalCache, key: EntryKey, details: CollectDetails, install: ReportedInstall, distInfo: string, evidence: Evidence): LocalEntry<PipMeta> {
  const staging = cache.stage(key, { verified: true });
  try {
    return new Snapshot(staging, details, distInfo, { requested: install.isRequested, evidence }).publish(key, install);
  } catch (error) {
    staging.discard();
    throw error;
  }
}

class Snapshot {
  readonly #staging: Staging;
  readonly #details: CollectDetails;
  readonly #distInfo: string;
  readonly #requested: boolean;
  readonly #evidence: Evidence;
  readonly #lib: 'purelib' | 'platlib';
  readonly #map: SchemeMap;
  readonly #overwritten: ReadonlyMap<string, string>;
  readonly #entryPoints: { console: EntryPoint[]; gui: EntryPoint[] };
  readonly #files: EntryFile[] = [];
  readonly #outside: OutsideRow[] = [];
  readonly #pythonScripts: string[] = [];
  readonly #madeDirectories = new Set<string>();

  constructor(staging: Staging, details: CollectDetails, distInfo: string, { requested, evidence }: { readonly requested: boolean; readonly evidence: Evidence }) {
    this.#staging = staging;
    this.#details = details;
    this.#distInfo = distInfo;
    this.#requested = requested;
    this.#evidence = evidence;
    const { purelib, platlib } = details.layout.actual;
    const home = existsSync(join(purelib, distInfo)) ? purelib : platlib;
    const wheel = readFileSync(join(home, distInfo, 'WHEEL'), 'utf8');
    this.#lib = /^Root-Is-Purelib:\s*true\s*$/im.test(wheel) ? 'purelib' : 'platlib';
    this.#map = new SchemeMap(details.layout, this.#lib, distInfo.slice(0, distInfo.indexOf('-')));
    this.#overwritten = readOverwritten(details.report);
    this.#entryPoints = this.#readEntryPoints();
  }

  publish(key: EntryKey, install: ReportedInstall): LocalEntry<PipMeta> {
    mkdirSync(this.#staging.tree, { recursive: true });
    const rows = parseRecord(this.#readInfo('RECORD'));
    this.#assertUntouched(`${this.#distInfo}/RECORD`, lstatSync(this.#infoPath('RECORD'), { bigint: true }));
    const inside = this.#byFile(rows).filter((group) => this.#take(group));
    this.#writeRecord(inside.flat());
    assertDistinctPaths(this.#files.map((file) => file.path), 'ENTRY_INVALID');
    return this.#staging.publish(key, { version: install.version, archive: install.archive, meta: this.#meta(install) }, this.#files);
  }

  #meta(install: ReportedInstall): PipMeta {
    // The copy that was compared with its hash, not what may have taken the place of its original meanwhile.
    const metadata = parseMetadata(readFileSync(join(this.#staging.tree, this.#lib, this.#distInfo, 'METADATA'), 'utf8'));
    return {
      name: metadata.name,
      version: metadata.version,
      requiresDist: metadata.requiresDist,
      ...(metadata.requiresPython === undefined ? {} : { requiresPython: metadata.requiresPython }),
      ...(metadata.providesExtra.length === 0 ? {} : { providesExtra: metadata.providesExtra }),
      distInfo: this.#distInfo,
      lib: this.#lib,
      consoleScripts: this.#entryPoints.console,
      guiScripts: this.#entryPoints.gui,
      pythonScripts: this.#pythonScripts,
      outside: this.#outside,
      built: !install.isWheel,
    };
  }

  /** RECORD may name a file more than once: a wheel that ships bytecode has a row for it, and one of what pip compiled in its place. */
  #byFile(rows: readonly RecordRow[]): RecordRow[][] {
    const groups = new Map<string, RecordRow[]>();
    for (const row of rows) {
      const file = normalize(row[0]);
      const group = groups.get(file);
      if (group) group.push(row);
      else groups.set(file, [row]);
    }
    return [...groups.values()];
  }

  /** Copies the file that these rows are of. Whether they belong into the entry's RECORD as they are. */
  #take(rows: readonly RecordRow[]): boolean {
    const [path] = rows[0] as RecordRow;
    if (path === `${this.#distInfo}/RECORD`) return true;
    if (path === `${this.#distInfo}/REQUESTED`) return this.#skipRequested(rows);
    if (path === `${this.#distInfo}/direct_url.json`) throw invalid('it was installed from a URL');
    // pip leaves no file there. The row of a script that it generated itself, or the second one of a file, keeps the wheel's own name.
    if (DATA_SCHEME.test(path) || this.#isText(path)) return true;
    const located = this.#locate(path);
    if (located.scheme === this.#lib) {
      this.#copy(rows, located);
      return true;
    }
    if (located.scheme === 'scripts') this.#takeScript(rows, located);
    else this.#takeOutside(rows, located);
    return false;
  }

  /**
   * Whether a row names no file: pip keeps those of which the wheel has none (selenium 4.1.0: all begin with `/`) as they are. What it has
   * left behind on the way to a `--target` is a file of the wheel.
   */
  #isText(path: string): boolean {
    if (isAbsolute(path)) return lstatSync(path, { throwIfNoEntry: false }) === undefined;
    if (isMoved(this.#details.layout) || this.#evidence.has(path)) return false;
    return lstatSync(this.#locate(path).actual, { throwIfNoEntry: false }) === undefined;
  }

  /** pip's mark of what the user named is made anew. One that the wheel brings cannot be told from it. */
  #skipRequested(rows: readonly RecordRow[]): false {
    const [, hash] = rows[0] as RecordRow;
    if (!this.#requested || rows.length > 1 || hash !== EMPTY_FILE) throw invalid('the wheel brings a REQUESTED of its own');
    return false;
  }

  #takeOutside(rows: readonly RecordRow[], located: Located): void {
    this.#copy(rows, located);
    for (const [path, hash, size] of rows) {
      if ((hash === '') !== (size === '') || String(Number(size)) !== (size || '0')) throw invalid(`RECORD gives no plain size of ${path}`);
      this.#outside.push({ scheme: located.scheme, path: located.path, hash, size: Number(size) });
    }
  }

  #takeScript(rows: readonly RecordRow[], located: Located): void {
    // pip compiles scripts that are called *.py as well.
    if (bytecodeSource(located.path, this.#details.cacheTag) !== undefined) return this.#takeOutside(rows, located);
    const [[path, hash]] = rows as [RecordRow];
    const names = [...this.#entryPoints.console, ...this.#entryPoints.gui].map(({ name }) => name);
    // Generated scripts are made anew; pip's own have versions in their names that its metadata does not.
    const generated = isVersioned(located.path, names) ? 1 : names.filter((name) => name === located.path).length;
    if (rows.length !== (generated || 1)) throw invalid(`RECORD names ${path} ${rows.length} times`);
    if (generated > 0) return;
    const bytes = readFileSync(located.actual);
    if (hash !== `sha256=${sha256Base64Url(bytes)}`) throw differing(path);
    this.#assertUntouched(path, lstatSync(located.actual, { bigint: true }));
    const end = bytes.indexOf(0x0a) + 1;
    const own = bytes.subarray(0, end).toString('utf8') === plainShebang(this.#details.executable);
    if (own) this.#pythonScripts.push(located.path);
    else this.#outside.push({ scheme: 'scripts', path: located.path, hash, size: bytes.length });
    this.#write(located, own ? Buffer.concat([Buffer.from('#!python\n'), bytes.subarray(end)]) : bytes, lstatSync(located.actual));
  }

  /** Copies a file, and checks it: what pip compiled against its source, anything else against its hash, of which one row has to be right. */
  #copy(rows: readonly RecordRow[], { scheme, path: relative, actual }: Located): void {
    const [[path]] = rows as [RecordRow];
    const target = this.#target(scheme, relative);
    const copied = this.#copyFile(path, actual, target.file);
    const source = rows.some(([, hash]) => hash === '') ? bytecodeSource(normalize(path), this.#details.cacheTag) : undefined;
    if (source !== undefined) assertCurrentBytecode(target.file, this.#locate(source).actual, this.#details.magic);
    // What RECORD has no hash of is as this run of pip has put it there (below).
    else if (!rows.some(([, hash]) => hash === '' || hasHash(target.file, copied.digest, hash))) throw differing(path);
    this.#assertUntouched(path, copied);
    const { size, digest, executable, mtimeMs } = copied;
    this.#files.push({ path: target.path, size, sha256: digest.toString('hex'), executable, ...timeOf(path, mtimeMs) });
  }

  /** Where a file lies as pip left it: kept elsewhere, if another distribution has overwritten it since. */
  #locate(path: string): Located {
    const located = this.#map.locate(path);
    return { ...located, actual: this.#kept(path) ?? located.actual };
  }

  #kept(path: string): string | undefined {
    const left = this.#evidence.get(path);
    return left && 'overwritten' in left ? this.#overwritten.get(left.overwritten) : undefined;
  }

  #copyFile(path: string, from: string, to: string): Copied {
    try {
      return copyHashed(from, to);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') throw invalid(`RECORD names ${path}, which is not there`);
      if (systemCode(error) === 'ELOOP') throw invalid(`${path} is a symbolic link`);
      throw error;
    }
  }

  /** Nobody can set a change time, and whatever is done to a file moves it: contents, mode, owner, name, links to it. */
  #assertUntouched(row: string, { ctimeNs, size }: { readonly ctimeNs: bigint; readonly size: number | bigint }): void {
    const left = this.#evidence.get(row);
    if (left && 'overwritten' in left && this.#kept(row) !== undefined) return;
    if (!left || 'overwritten' in left) throw invalid(`${row} is not from this run of pip, or was changed before pip ended`);
    if (left.ctimeNs !== String(ctimeNs) || left.size !== Number(size)) throw invalid(`${row} was changed after pip had ended`);
  }

  #write({ scheme, path }: Located, bytes: Buffer, { mode, mtimeMs }: Pick<Stats, 'mode' | 'mtimeMs'>): void {
    const target = this.#target(scheme, path);
    const executable = (mode & 0o111) !== 0;
    writeFileSync(target.file, bytes, { flag: 'wx', mode: executable ? 0o755 : 0o644 });
    utimesSync(target.file, Math.trunc(mtimeMs / 1000), Math.trunc(mtimeMs / 1000));
    this.#files.push({ path: target.path, size: bytes.length, sha256: sha256(bytes), executable, ...timeOf(path, mtimeMs) });
  }

  #target(scheme: SchemeKey, relative: string): { file: string; path: string } {
    const path = `${scheme}/${relative}`;
    assertSafePath(path, 'ENTRY_INVALID');
    const file = join(this.#staging.tree, path);
    const directory = dirname(file);
    if (!this.#madeDirectories.has(directory)) mkdirSync(directory, { recursive: true });
    this.#madeDirectories.add(directory);
    return { file, path };
  }

  #writeRecord(rows: readonly RecordRow[]): void {
    const path = `${this.#distInfo}/RECORD`;
    this.#write({ scheme: this.#lib, path, actual: '' }, Buffer.from(formatRecord(rows)), { mode: 0o644, mtimeMs: 0 });
  }

  #readEntryPoints(): { console: EntryPoint[]; gui: EntryPoint[] } {
    const path = join(this.#details.layout.actual[this.#lib], this.#distInfo, 'entry_points.txt');
    const points = existsSync(path) ? parseEntryPoints(readFileSync(path, 'utf8')) : { console: [], gui: [] };
    const odd = [...points.console, ...points.gui].find((point) => !isPlainEntryPoint(point));
    if (odd) throw invalid(`the entry point ${odd.name} = ${odd.value} is unusual`);
    return points;
  }

  #readInfo(name: string): string {
    return readFileSync(this.#infoPath(name), 'utf8');
  }

  #infoPath(name: string): string {
    return join(this.#details.layout.actual[this.#lib], this.#distInfo, name);
  }
}

/** A path of a wheel whose files pip puts elsewhere (is_data_scheme_path in pip/_internal/operations/install/wheel.py). */
const DATA_SCHEME = /^[^/]+\.data\//;

/** What RECORD says of a file without contents. */
const EMPTY_FILE = `sha256=${sha256Base64Url('')}`;

function isVersioned(script: string, names: readonly string[]): boolean {
  return (names.includes('pip') && /^pip\d+(\.\d+)?$/.test(script)) || (names.includes('easy_install') && /^easy_install-\d+\.\d+$/.test(script));
}

/** Bytecode refers to its source by time and size; no other file's time matters. */
function timeOf(path: string, mtimeMs: number): Pick<EntryFile, 'mtime'> {
  return path.endsWith('.py') ? { mtime: Math.trunc(mtimeMs / 1000) } : {};
}

/** Whether a file has the hash that a row gives: SHA-256, which is known already, or a longer one of its kind. */
function hasHash(file: string, sha256: Buffer, hash: string): boolean {
  const [algorithm = '', digest] = hash.split('=');
  if (algorithm === 'sha256') return digest === sha256.toString('base64url');
  return /^sha(384|512)$/.test(algorithm) && digest === createHash(algorithm).update(readFileSync(file)).digest('base64url');
}

/** Changed by somebody, or by another distribution that has a file of this name. */
function differing(path: string): PkgCacheError {
  return invalid(`${path} is not what RECORD says`);
}

function invalid(message: string): PkgCacheError {
  return new PkgCacheError('ENTRY_INVALID', message);
}
