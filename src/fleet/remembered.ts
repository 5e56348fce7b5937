import { replaceFile } from '../replace-file.ts';

/**
 * Replaces what a worker remembers in a file: others see the old one or the new one, whole. Whether that could be done: on a full disk, or in another
 * user's cache, it cannot, and then work is done twice.
 */
export function remember(path: string, text: string): boolean {
  try {
    replaceFile(path, text);
    return true;
  } catch {
    return false;
  }
}
