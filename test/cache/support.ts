import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Archive, EntryFile, EntryKey } from '../../src/cache/entry.ts';
import { LocalCache, type LocalEntry, type Staging } from '../../src/cache/local.ts';
import { PkgCacheError } from '../../src/errors.ts';
import { sha256 } from '../../src/hash.ts';
import { isOriginal } from '../../src/manifest.ts';
import type { PipMeta } from '../../src/pip/entry.ts';

/** A directory that goes when the test ends. */
export function tempDir(parent = tmpdir()): string {
  const dir = mkdtempSync(join(realpathSync(parent), 'pkg-cache-unit-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** An empty cache. */
export function tempCache(): LocalCache {
  return new LocalCache(join(tempDir(), 'cache'));
}

export const KEY: EntryKey = { ecosystem: 'pip', name: 'ash', version: '1', platform: 'cpython-312', origin: 'pypi' };

/** Contents by path. Files called `*.sh` are executable, files called `*.py` have a time that matters. */
export type Contents = Readonly<Record<string, string>>;

/** Writes files below `root`, as they lie in an entry, and returns their list. */
export function writeFiles(root: string, contents: Contents): EntryFile[] {
  return Object.entries(contents).map(([path, text]) => {
    const file = join(root, path);
    const executable = path.endsWith('.sh');
    const mtime = 1_600_000_000;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: executable ? 0o755 : 0o644 });
    if (path.endsWith('.py')) utimesSync(file, mtime, mtime);
    return { path, size: Buffer.byteLength(text), sha256: sha256(text), executable, ...(path.endsWith('.py') ? { mtime } : {}) };
  });
}

export const CONTENTS: Contents = { 'lib/a.py': 'a = 1\n', 'lib/b.txt': 'b', 'bin/c.sh': '#!/bin/sh\n', empty: '' };

/** The least that an entry may know: of pip, or of a package of npm's as its scripts have left it, and of one that fits every machine. */
export function metaOf({ ecosystem, platform }: EntryKey): object {
  if (ecosystem === 'pip') return PIP_META;
  return platform === 'any' ? { integrity: 'sha512-x', crlf: [] } : { integrity: 'sha512-x', links: [], directories: [] };
}

export const PIP_META: PipMeta = { name: 'ash', version: '1', requiresDist: [], distInfo: 'ash-1.dist-info', lib: 'purelib', consoleScripts: [], guiScripts: [], pythonScripts: [], outside: [], built: false };

function archiveOf(key: EntryKey): Archive {
  return { filename: 'x.whl', sha256: 'f'.repeat(64), ...(isOriginal(key) && { sha512: 'f'.repeat(128) }) };
}

/** Begins an entry; the second part publishes it. */
export function staged(cache: LocalCache, { key = KEY, contents = CONTENTS } = {}): { staging: Staging; publish: () => LocalEntry } {
  const staging = cache.stage(key);
  const files = writeFiles(staging.tree, contents);
  return { staging, publish: () => staging.publish(key, { version: key.version, archive: archiveOf(key), meta: metaOf(key) }, files) };
}

/** An entry in the cache. */
export function published(cache: LocalCache, options: { key?: EntryKey; contents?: Contents } = {}): LocalEntry {
  return staged(cache, options).publish();
}

/** The code that `work` fails with: ours, or the system's; `ok` if it does not. */
export function codeOf(work: () => unknown): string {
  try {
    work();
    return 'ok';
  } catch (error) {
    return error instanceof PkgCacheError ? error.code : ((error as NodeJS.ErrnoException).code ?? String(error));
  }
}

/** The pid of a process that has ended. */
export const DEAD_PID = 2 ** 22 + 1;
