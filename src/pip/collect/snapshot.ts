import { existsSync, lstatSync, mkdirSync, readFileSync, utimesSync, writeFileSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { assertDistinctPaths, assertSafePath } from '../../archive/paths.ts';
import type { EntryFile, EntryKey } from '../../cache/entry.ts';
import type { LocalCache, LocalEntry, Staging } from '../../cache/local.ts';
import { PkgCacheError } from '../../errors.ts';
import { sha256, sha256Base64Url } from '../../hash.ts';
import type { EntryPoint, OutsideRow, PipMeta, SchemeKey } from '../entry.ts';
import { parseMetadata } from '../metadata.ts';
import { formatRecord, parseRecord, type RecordRow } from '../record.ts';
import { isPlainEntryPoint, parseEntryPoints, plainShebang } from '../scripts.ts';
import { assertCurrentBytecode, bytecodeSource } from './bytecode.ts';
import { copyHashed } from './copy-hashed.ts';
import type { CollectDetails } from './job.ts';
import { SchemeMap, type Located } from './locate.ts';
import type { ReportedInstall } from './report.ts';

/**
 * Makes an entry of an installed distribution, from RECORD: every file is compared with its hash there as it is copied, bytecode with the
 * source that it was made from. What depends on the target is left out and made anew when the entry is placed: scripts of entry points,
 * the interpreter line of others, REQUESTED, and RECORD's rows for files outside of the library directory.
 *
 * Throws ENTRY_INVALID when the distribution is not as pip left it, or is one that cannot be placed faithfully.
 */
export function snapshot(cache: LocalCache, key: EntryKey, details: CollectDetails, install: ReportedInstall, distInfo: string): LocalEntry<PipMeta> {
  const staging = cache.stage(key);
  try {
    return new Snapshot(staging, details, distInfo).publish(key, install);
  } catch (error) {
    staging.discard();
    throw error;
  }
}

class Snapshot {
  readonly #staging: Staging;
  readonly #details: CollectDetails;
  readonly #distInfo: string;
  readonly #lib: 'purelib' | 'platlib';
  readonly #map: SchemeMap;
  readonly #entryPoints: { console: EntryPoint[]; gui: EntryPoint[] };
  readonly #files: EntryFile[] = [];
  readonly #outside: OutsideRow[] = [];
  readonly #pythonScripts: string[] = [];
  readonly #madeDirectories = new Set<string>();

  constructor(staging: Staging, details: CollectDetails, distInfo: string) {
    this.#staging = staging;
    this.#details = details;
    this.#distInfo = distInfo;
    const { purelib, platlib } = details.layout.actual;
    const home = existsSync(join(purelib, distInfo)) ? purelib : platlib;
    const wheel = readFileSync(join(home, distInfo, 'WHEEL'), 'utf8');
    this.#lib = /^Root-Is-Purelib:\s*true\s*$/im.test(wheel) ? 'purelib' : 'platlib';
    this.#map = new SchemeMap(details.layout, this.#lib);
    this.#entryPoints = this.#readEntryPoints();
  }

  publish(key: EntryKey, install: ReportedInstall): LocalEntry<PipMeta> {
    mkdirSync(this.#staging.tree, { recursive: true });
    const inside = parseRecord(this.#readInfo('RECORD')).filter((row) => this.#take(row));
    this.#writeRecord(inside);
    assertDistinctPaths(this.#files.map((file) => file.path), 'ENTRY_INVALID');
    return this.#staging.publish(key, { version: install.version, archive: install.archive, meta: this.#meta(install) }, this.#files);
  }

  #meta(install: ReportedInstall): PipMeta {
    const metadata = parseMetadata(this.#readInfo('METADATA'));
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

  /** Copies the file of a row. Whether the row belongs into the entry's RECORD as it is. */
  #take(row: RecordRow): boolean {
    const [path] = row;
    if (path === `${this.#distInfo}/RECORD`) return true;
    if (path === `${this.#distInfo}/REQUESTED`) return false;
    if (path === `${this.#distInfo}/direct_url.json`) throw invalid('it was installed from a URL');
    // A script of the wheel that pip replaced by a generated one keeps its row under the wheel's own name.
    if (/^[^/]+\.data\/scripts\//.test(path)) return true;
    const located = this.#map.locate(path);
    if (located.scheme === this.#lib) {
      this.#copy(row, located);
      return true;
    }
    if (located.scheme === 'scripts') this.#takeScript(row, located);
    else this.#takeOutside(row, located);
    return false;
  }

  #takeOutside(row: RecordRow, located: Located): void {
    const size = this.#copy(row, located);
    this.#outside.push({ scheme: located.scheme, path: located.path, hash: row[1], size: row[2] === '' ? 0 : size });
  }

  #takeScript(row: RecordRow, located: Located): void {
    // pip compiles scripts that are called *.py as well.
    if (bytecodeSource(located.path, this.#details.cacheTag) !== undefined) return this.#takeOutside(row, located);
    const names = [...this.#entryPoints.console, ...this.#entryPoints.gui].map(({ name }) => name);
    // Generated scripts are made anew; pip's own have versions in their names that its metadata does not.
    if (names.includes(located.path) || isVersioned(located.path, names)) return;
    const bytes = readFileSync(located.actual);
    if (row[1] !== `sha256=${sha256Base64Url(bytes)}`) throw invalid(`${row[0]} is not what RECORD says`);
    const end = bytes.indexOf(0x0a) + 1;
    const own = bytes.subarray(0, end).toString('utf8') === plainShebang(this.#details.executable);
    if (own) this.#pythonScripts.push(located.path);
    else this.#outside.push({ scheme: 'scripts', path: located.path, hash: row[1], size: bytes.length });
    this.#write(located, own ? Buffer.concat([Buffer.from('#!python\n'), bytes.subarray(end)]) : bytes, lstatSync(located.actual));
  }

  /** Copies a file, checks it against its row, and returns its size. */
  #copy([path, hash]: RecordRow, { scheme, path: relative, actual }: Located): number {
    const target = this.#target(scheme, relative);
    const copied = copyHashed(actual, target.file);
    const source = hash === '' ? bytecodeSource(path, this.#details.cacheTag) : undefined;
    if (source !== undefined) assertCurrentBytecode(target.file, this.#map.locate(source).actual, this.#details.magic);
    else if (hash !== `sha256=${copied.digest.toString('base64url')}`) throw invalid(`${path} is not what RECORD says`);
    const { size, digest, executable, mtimeMs } = copied;
    this.#files.push({ path: target.path, size, sha256: digest.toString('hex'), executable, ...timeOf(path, mtimeMs) });
    return size;
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
    return readFileSync(join(this.#details.layout.actual[this.#lib], this.#distInfo, name), 'utf8');
  }
}

function isVersioned(script: string, names: readonly string[]): boolean {
  return (names.includes('pip') && /^pip\d+(\.\d+)?$/.test(script)) || (names.includes('easy_install') && /^easy_install-\d+\.\d+$/.test(script));
}

/** Bytecode refers to its source by time and size; no other file's time matters. */
function timeOf(path: string, mtimeMs: number): Pick<EntryFile, 'mtime'> {
  return path.endsWith('.py') ? { mtime: Math.trunc(mtimeMs / 1000) } : {};
}

function invalid(message: string): PkgCacheError {
  return new PkgCacheError('ENTRY_INVALID', message);
}
