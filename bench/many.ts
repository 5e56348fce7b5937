import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EntryFile, EntryKey } from '../src/cache/entry.ts';
import { LocalCache } from '../src/cache/local.ts';
import { sha256 } from '../src/hash.ts';

/** The cpython platform of the entries that are made; no interpreter is asked. */
const PLATFORM = 'cpython-312-x86_64-linux-gnu-m3531-linux-x86_64-glibc-2.36';

/** Puts so many small entries into a cache: a source, a data file and metadata each, some 2 kB together. */
export function fillMany(directory: string, count: number): void {
  const cache = new LocalCache(directory);
  for (let n = 0; n < count; n++) makeEntry(cache, n);
}

function makeEntry(cache: LocalCache, n: number): void {
  const key: EntryKey = { ecosystem: 'pip', name: `package-${n}`, version: `${n % 7}.${n % 11}`, platform: PLATFORM, origin: 'e2c07612608cc72f' };
  const staging = cache.stage(key);
  const distInfo = `package_${n}-${key.version}.dist-info`;
  const contents = { [`purelib/${distInfo}/METADATA`]: `Name: package-${n}\n`, [`purelib/package_${n}/__init__.py`]: `n = ${n}\n`, [`purelib/package_${n}/data`]: `${n} `.repeat(300) };
  const files = Object.entries(contents).map(([path, text]): EntryFile => write(staging.tree, path, text));
  staging.publish(key, { version: key.version, archive: { filename: 'x.whl', sha256: sha256(String(n)) }, meta: { name: key.name, version: key.version, requiresDist: [], providesExtra: [], distInfo, lib: 'purelib', consoleScripts: [], guiScripts: [], pythonScripts: [], outside: [], built: false } }, files);
}

function write(tree: string, path: string, text: string): EntryFile {
  const file = join(tree, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  const mtime = path.endsWith('.py') ? 1_600_000_000 : undefined;
  if (mtime !== undefined) utimesSync(file, mtime, mtime);
  return { path, size: Buffer.byteLength(text), sha256: sha256(text), executable: false, ...(mtime !== undefined && { mtime }) };
}
