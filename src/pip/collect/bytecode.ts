import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { PkgCacheError } from '../../errors.ts';

/** The source that a row `pkg/__pycache__/mod.TAG.pyc` was compiled from, or undefined for any other path. */
export function bytecodeSource(path: string, cacheTag: string): string | undefined {
  const [, directory = '', stem = ''] = /^(.*?)__pycache__\/([^/]+)\.pyc$/.exec(path) ?? [];
  const suffix = `.${cacheTag}`;
  return stem.endsWith(suffix) ? `${directory}${stem.slice(0, -suffix.length)}.py` : undefined;
}

/**
 * Checks that Python would accept bytecode for its source without writing it anew: magic number, no hash-based invalidation, and the source's
 * time and size (PEP 552; importlib/_bootstrap_external.py, _classify_pyc). Throws ENTRY_INVALID.
 */
export function assertCurrentBytecode(bytecode: string, source: string, magic: number): void {
  const header = Buffer.alloc(16);
  const fd = openSync(bytecode, 'r');
  try {
    readSync(fd, header, 0, 16, 0);
  } finally {
    closeSync(fd);
  }
  const { mtimeMs, size } = statSync(source);
  const seconds = Math.trunc(mtimeMs / 1000) >>> 0;
  const current = header.readUInt16LE(0) === magic && header.readUInt32LE(4) === 0 && header.readUInt32LE(8) === seconds && header.readUInt32LE(12) === size >>> 0;
  if (!current) throw new PkgCacheError('ENTRY_INVALID', `the bytecode of ${source} is not current`);
}
