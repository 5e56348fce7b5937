import { copyFileSync, lstatSync, readdirSync, renameSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { PkgCacheError, systemCode } from '../errors.ts';
import { exists, type UndoLog } from './undo.ts';

/**
 * Moves a file or directory to where it belongs, as a whole where nothing is there yet.
 *
 *   target            source directory                source file
 *   nothing           rename (or piece by piece)      rename (or copy)
 *   a directory       merge, child by child           fails: pip could not write it either
 *   a file, a link    fails                           the old one is set aside, the new one takes its place
 *
 * A link to a directory counts as a directory: pip writes through it. Everything is noted in `undo` first.
 */
export function adopt(source: string, target: string, undo: UndoLog): void {
  const isDirectory = lstatSync(source).isDirectory();
  if (!exists(target)) return move(source, target, isDirectory, undo);
  const targetIsDirectory = statSync(target, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (isDirectory !== targetIsDirectory) {
    throw new PkgCacheError('PLACE_FAILED', `${target} is in the way`);
  }
  if (isDirectory) return adoptChildren(source, target, undo);
  undo.setAside(target);
  move(source, target, false, undo);
}

function adoptChildren(source: string, target: string, undo: UndoLog): void {
  for (const name of readdirSync(source)) adopt(join(source, name), join(target, name), undo);
}

function move(source: string, target: string, isDirectory: boolean, undo: UndoLog): void {
  undo.creates(target);
  if (!isDirectory) return moveFile(source, target);
  try {
    renameSync(source, target);
  } catch (error) {
    // Another file system; or overlayfs, which cannot rename directories of a lower layer.
    if (systemCode(error) !== 'EXDEV') throw error;
    undo.makeDirectory(target);
    adoptChildren(source, target, undo);
  }
}

/** Renames a file, or copies it with its times to another file system. Throws the system's error. */
export function moveFile(source: string, target: string): void {
  try {
    renameSync(source, target);
  } catch (error) {
    if (systemCode(error) !== 'EXDEV') throw error;
    const { atimeMs, mtimeMs } = lstatSync(source);
    copyFileSync(source, target);
    utimesSync(target, atimeMs / 1000, mtimeMs / 1000);
  }
}
