import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zip, type ZipEntry } from './zip.ts';

type Files = Readonly<Record<string, string | Uint8Array>>;

export interface WheelSpec {
  readonly name: string;
  readonly version: string;
  /** Compatibility tag; `py3-none-any` if not given. */
  readonly tag?: string;
  /** Path in the wheel to contents. A package with `__version__` if not given. */
  readonly files?: Files;
  readonly requiresDist?: readonly string[];
  readonly extras?: readonly string[];
  readonly requiresPython?: string;
  /** More lines of METADATA. */
  readonly metadata?: readonly string[];
  /** Lines of `[console_scripts]`: `name = module:function`. */
  readonly consoleScripts?: readonly string[];
  readonly guiScripts?: readonly string[];
  /** Contents of `NAME-VERSION.data`. */
  readonly data?: Readonly<Partial<Record<'scripts' | 'headers' | 'data' | 'purelib' | 'platlib', Files>>>;
  /** True if not given. */
  readonly rootIsPurelib?: boolean;
  /** Paths in the wheel that carry the executable bit. */
  readonly executables?: readonly string[];
  /** `NAME-VERSION` of the file and its directories, where it is not made of the name and version. */
  readonly stem?: string;
  /** That of the `.dist-info` directory alone. */
  readonly infoStem?: string;
  /** Makes other rows of RECORD of those that belong there (without RECORD's own). */
  readonly record?: (rows: readonly string[]) => readonly string[];
}

export interface BuiltArchive {
  readonly path: string;
  readonly filename: string;
  /** Hex SHA-256 of the file. */
  readonly sha256: string;
}

/** Builds a wheel (PEP 427) in `directory`, and beside it its METADATA as `FILENAME.metadata` (PEP 658). */
export function makeWheel(directory: string, spec: WheelSpec): BuiltArchive {
  const stem = spec.stem ?? `${spec.name.replace(/[-_.]+/g, '_')}-${spec.version}`;
  const filename = `${stem}-${spec.tag ?? 'py3-none-any'}.whl`;
  const entries = wheelEntries(spec, stem);
  const bytes = zip([...entries, record(spec.infoStem ?? stem, entries, spec.record)]);
  return write(directory, filename, bytes, metadata(spec));
}

/** Writes an archive and its sidecar. */
export function write(directory: string, filename: string, bytes: Uint8Array, sidecar?: string): BuiltArchive {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, filename);
  writeFileSync(path, bytes);
  if (sidecar !== undefined) writeFileSync(`${path}.metadata`, sidecar);
  return { path, filename, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** The text of METADATA or PKG-INFO. */
export function metadata(spec: WheelSpec): string {
  const lines = [
    'Metadata-Version: 2.1',
    `Name: ${spec.name}`,
    `Version: ${spec.version}`,
    ...(spec.requiresPython === undefined ? [] : [`Requires-Python: ${spec.requiresPython}`]),
    ...(spec.extras ?? []).map((extra) => `Provides-Extra: ${extra}`),
    ...(spec.requiresDist ?? []).map((requirement) => `Requires-Dist: ${requirement}`),
    ...(spec.metadata ?? []),
  ];
  return `${lines.join('\n')}\n`;
}

function wheelEntries(spec: WheelSpec, stem: string): ZipEntry[] {
  const module = spec.name.replace(/[-_.]+/g, '_').toLowerCase();
  const files = spec.files ?? { [`${module}/__init__.py`]: `__version__ = '${spec.version}'\n` };
  const dataFiles = Object.entries(spec.data ?? {}).flatMap(([scheme, contents]) =>
    Object.entries(contents).map(([path, bytes]) => [`${stem}.data/${scheme}/${path}`, bytes] as const),
  );
  const info = spec.infoStem ?? stem;
  const infoFiles: [string, string][] = [
    [`${info}.dist-info/METADATA`, metadata(spec)],
    [`${info}.dist-info/WHEEL`, wheelFile(spec)],
  ];
  const scripts = entryPoints(spec);
  if (scripts !== '') infoFiles.push([`${info}.dist-info/entry_points.txt`, scripts]);
  return [...Object.entries(files), ...dataFiles, ...infoFiles].map(([path, bytes]) => ({
    path,
    data: Buffer.from(bytes),
    mode: spec.executables?.includes(path) === true ? 0o755 : 0o644,
  }));
}

function wheelFile(spec: WheelSpec): string {
  const [python, abi, platform] = (spec.tag ?? 'py3-none-any').split('-') as [string, string, string];
  const tags = python.split('.').flatMap((p) => platform.split('.').map((f) => `Tag: ${p}-${abi}-${f}`));
  const purelib = spec.rootIsPurelib === false ? 'false' : 'true';
  return `${['Wheel-Version: 1.0', 'Generator: test', `Root-Is-Purelib: ${purelib}`, ...tags].join('\n')}\n`;
}

function entryPoints(spec: WheelSpec): string {
  const section = (name: string, lines: readonly string[] = []) => (lines.length > 0 ? `[${name}]\n${lines.join('\n')}\n` : '');
  return section('console_scripts', spec.consoleScripts) + section('gui_scripts', spec.guiScripts);
}

function record(stem: string, entries: readonly ZipEntry[], change: WheelSpec['record'] = (rows) => rows): ZipEntry {
  const path = `${stem}.dist-info/RECORD`;
  const rows = entries.map((entry) => {
    const digest = createHash('sha256').update(entry.data).digest('base64url');
    return `${entry.path.includes(',') ? `"${entry.path}"` : entry.path},sha256=${digest},${entry.data.length}`;
  });
  return { path, data: Buffer.from(`${[...change(rows), `${path},,`].join('\n')}\n`) };
}
