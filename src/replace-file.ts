import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Replaces a file, of which others see the old one or the new one, whole. What it is written as first has a name that nobody can guess, and is created
 * exclusively: a link that somebody has put there is not followed. Throws the system's error.
 */
export function replaceFile(path: string, text: string, mode = 0o666): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileSync(draft, text, { flag: 'wx', mode });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
