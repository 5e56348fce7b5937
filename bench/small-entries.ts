import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EntryKey } from '../src/cache/entry.ts';
import { LocalCache } from '../src/cache/local.ts';
import { sha256 } from '../src/hash.ts';
import type { PipMeta } from '../src/pip/entry.ts';

const META: PipMeta = { name: 'small', version: '1', requiresDist: [], distInfo: 'small-1.dist-info', lib: 'purelib', consoleScripts: [], guiScripts: [], pythonScripts: [], outside: [], built: false };

/** Puts `count` entries of two small files each into the cache in `directory`: what work on many entries costs is not their bytes. */
export function makeSmallEntries(directory: string, count: number): void {
  const cache = new LocalCache(directory);
  for (let n = 0; n < count; n++) {
    const key: EntryKey = { ecosystem: 'pip', name: `small-${n}`, version: `${n}.0`, platform: 'cpython-312', origin: '0123456789abcdef' };
    const staging = cache.stage(key);
    const files = Object.entries({ [`purelib/small_${n}/__init__.py`]: `n = ${n}\n`, [`purelib/small_${n}/data.txt`]: `${n} `.repeat(200) });
    const list = files.map(([path, text]) => {
      mkdirSync(dirname(join(staging.tree, path)), { recursive: true });
      writeFileSync(join(staging.tree, path), text, { mode: 0o644 });
      return { path, size: Buffer.byteLength(text), sha256: sha256(text), executable: false };
    });
    staging.publish(key, { version: key.version, archive: { filename: `small_${n}.whl`, sha256: sha256(key.name) }, meta: { ...META, version: key.version } }, list);
  }
}
