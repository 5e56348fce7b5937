import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { PkgCacheError, systemCode } from '../errors.ts';

/**
 * Sets a key in a config file, which is made if there is none; '' takes the key out. Comments and other lines stay as they are. The file is
 * replaced by a rename, so that nobody reads half of it. Throws CONFIG where it cannot be written, USAGE for a value of several lines.
 */
export function setInFile(path: string, key: string, value: string): void {
  if (/[\r\n]/.test(value)) throw new PkgCacheError('USAGE', `${key}: a value is one line`);
  const others = read(path).filter((line) => line.slice(0, Math.max(0, line.indexOf('='))).trim() !== key);
  const lines = value === '' ? others : [...others, `${key} = ${value}`];
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(draft, lines.map((line) => `${line}\n`).join(''));
    renameSync(draft, path);
  } catch (error) {
    throw new PkgCacheError('CONFIG', `${path} cannot be written: ${systemCode(error) ?? 'unknown error'}`);
  }
}

function read(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '').split(/\r?\n/);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw new PkgCacheError('CONFIG', `${path} cannot be read: ${systemCode(error) ?? 'unknown error'}`);
  }
}
