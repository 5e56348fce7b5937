import { readFileSync, type Stats, statSync } from 'node:fs';
import { systemCode } from '../../errors.ts';
import { refuse } from './refuse.ts';

/** More than any configuration has; npm would take long to read it too. */
const MOST_BYTES = 1 << 20;

/** What npm sees at a path; what it cannot look at is not there for it. */
function look(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

export function isFile(path: string): boolean {
  return look(path)?.isFile() === true;
}

export function isDirectory(path: string): boolean {
  return look(path)?.isDirectory() === true;
}

/**
 * The text of a configuration file; '' where there is none, or where it cannot be read, as for npm. Throws UNRECOGNISED for a
 * pipe or the like, which can be read only once, and for what is no UTF-8.
 */
export function readConfigText(path: string): string {
  const stats = look(path);
  if (stats === undefined || stats.isDirectory()) return '';
  if (!stats.isFile() || stats.size > MOST_BYTES) return refuse('a configuration file that is no regular file, or huge');
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return '';
  }
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') || text.includes('\0') ? refuse('a configuration file that is no text') : text;
}

/** Whether npm fails over this file of certificates (`maybeReadFile`): one that is missing does no harm. */
export function isUnreadable(path: string): boolean {
  const stats = look(path);
  if (stats !== undefined && !stats.isFile()) return true;
  try {
    readFileSync(path);
    return false;
  } catch (error) {
    return systemCode(error) !== 'ENOENT';
  }
}
