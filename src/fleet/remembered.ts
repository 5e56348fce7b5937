import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Replaces what a worker remembers in a file: others see the old one or the new one, whole. Whether that could be done: on a full disk, or in another
 * user's cache, it cannot, and then work is done twice.
 */
export function remember(path: string, text: string): boolean {
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, text);
    renameSync(temporary, path);
    return true;
  } catch {
    return false;
  }
}
