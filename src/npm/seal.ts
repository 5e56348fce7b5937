import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { anyText, finite, list, readA, tuple, type Shape } from '../shape.ts';

/** Directories, relative to where they are ('' is that itself), and their times in milliseconds: such a time changes when something comes into a directory or goes. */
export type Directories = readonly (readonly [path: string, mtimeMs: number])[];

/** A directory and all below it, as they are now. */
export function directoriesOf(root: string): Directories {
  const found: [string, number][] = [];
  const visit = (path: string): void => {
    const directory = at(root, path);
    found.push([path, lstatSync(directory).mtimeMs]);
    for (const entry of readdirSync(directory, { withFileTypes: true })) if (entry.isDirectory()) visit(path === '' ? entry.name : `${path}/${entry.name}`);
  };
  visit('');
  return found;
}

/** Whether these directories are as they were. */
export function areUntouched(root: string, directories: Directories | undefined): boolean {
  return directories?.every(([path, mtimeMs]) => lstatSync(at(root, path), { throwIfNoEntry: false })?.mtimeMs === mtimeMs) === true;
}

/** There may be thousands, with whatever names packages have: they are looked up and never shown. */
export const DIRECTORIES: Shape<Directories> = list(tuple<readonly [string, number]>(anyText, finite));

/** The directories in a file; undefined if it is not there, or half there. */
export function readDirectories(path: string): Directories | undefined {
  return readA(DIRECTORIES, path);
}

/** Another one after each start of the machine; '' where there is none (macOS). A machine that lost power may have kept names and lost bytes. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
  } catch {
    return '';
  }
}

function at(root: string, path: string): string {
  return path === '' ? root : `${root}/${path}`;
}
