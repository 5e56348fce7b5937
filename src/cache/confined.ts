import { chmodSync, closeSync, constants, copyFileSync, existsSync, fstatSync, lstatSync, lutimesSync } from 'node:fs';
import { mkdirSync, openSync, readdirSync, readlinkSync, renameSync, rmdirSync, symlinkSync, unlinkSync, utimesSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { basename, dirname } from 'node:path';
import { PkgCacheError, systemCode } from '../errors.ts';

/** open(2) on Linux: a directory need not be readable for us, only searchable. Node has no name for the flag. */
const O_PATH = 0x20_0000;

/** Where there is no /proc (macOS), paths stand in for descriptors, and are compared with what they led to just before each use. */
const HAS_DESCRIPTOR_PATHS = process.platform === 'linux' && existsSync('/proc/self/fd');

/**
 * A directory that was reached without following a symbolic link in any component of its path, and is held open. What is done in it is done
 * there, whatever somebody else puts in the place of its path meanwhile: openat(2) by way of `/proc/self/fd`, because Node has no openat.
 */
export class ConfinedDirectory {
  readonly #path: string;
  readonly #fd: number | undefined;
  readonly #identity: string;

  private constructor(path: string, base: string) {
    this.#path = path;
    const { O_DIRECTORY, O_NOFOLLOW } = constants;
    this.#fd = HAS_DESCRIPTOR_PATHS ? openSync(base, O_PATH | O_DIRECTORY | O_NOFOLLOW) : undefined;
    const stat = this.#fd === undefined ? lstatSync(path, { bigint: true }) : fstatSync(this.#fd, { bigint: true });
    if (!stat.isDirectory()) throw changed(path);
    this.#identity = asText(stat);
  }

  /** Opens a directory by its absolute path in normal form; `make`: with what is missing of it. Throws PLACE_FAILED, or the system's error. */
  static open(path: string, { make = false } = {}): ConfinedDirectory {
    let current = new ConfinedDirectory('/', '/');
    for (const name of path.split('/').filter((part) => part !== '')) {
      try {
        const next = make ? current.#made(name) : current.child(name);
        current.close();
        current = next;
      } catch (error) {
        current.close();
        throw error;
      }
    }
    return current;
  }

  /** Works in the directory that `path` lies in, with the last component of `path`. Throws as `open` does. */
  static in<T>(path: string, work: (directory: ConfinedDirectory, name: string) => T, options: { make?: boolean } = {}): T {
    const directory = ConfinedDirectory.open(dirname(path), options);
    try {
      return work(directory, basename(path));
    } finally {
      directory.close();
    }
  }

  /** A directory in this one, which is no link. Throws PLACE_FAILED, or the system's error. */
  child(name: string): ConfinedDirectory {
    return new ConfinedDirectory(this.#path === '/' ? `/${name}` : `${this.#path}/${name}`, this.at(name));
  }

  #made(name: string): ConfinedDirectory {
    try {
      return this.child(name);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      mkdirSync(this.at(name));
      return this.child(name);
    }
  }

  /** Something in this directory, for a call that takes a path and does not follow a link at its end. `.`: the directory. */
  at(name: string): string {
    if (name === '' || name === '..' || name.includes('/')) throw new PkgCacheError('PLACE_FAILED', 'not the name of a file');
    if (this.#fd !== undefined) return `/proc/self/fd/${this.#fd}/${name}`;
    for (let path = this.#path; path !== '/'; path = dirname(path)) if (identityOf(path) === undefined) throw changed(path);
    if (identityOf(this.#path) !== this.#identity) throw changed(this.#path);
    return `${this.#path}/${name}`;
  }

  /** Whether something of that name is here, a dangling link included. */
  has(name: string): boolean {
    return lstatSync(this.at(name), { throwIfNoEntry: false }) !== undefined;
  }

  /** As `identityOf` says. */
  get identity(): string {
    return this.#identity;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }
}

/** What tells a directory from all others that there are: device, inode and owner; undefined for what is none, or a link. */
export function identityOf(path: string): string | undefined {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat?.isDirectory() === true ? asText(stat) : undefined;
}

function asText({ dev, ino, uid }: BigIntStats): string {
  return `${dev}:${ino}:${uid}`;
}

/** Removes something, with all that is in it; links are removed and not followed. That it is not there is no error. */
export function removeConfined(directory: ConfinedDirectory, name: string): void {
  const stat = lstatSync(directory.at(name), { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) return unlinkSync(directory.at(name));
  removeDirectory(directory, name);
}

/** Removes a directory, with all that is in it, if it is the one with this identity. Throws PLACE_FAILED, or the system's error. */
export function removeIdentified(directory: ConfinedDirectory, name: string, identity: string): void {
  removeDirectory(directory, name, identity);
}

function removeDirectory(directory: ConfinedDirectory, name: string, identity?: string): void {
  const child = directory.child(name);
  try {
    if (identity !== undefined && child.identity !== identity) throw changed(name);
    for (const each of readdirSync(child.at('.'))) removeConfined(child, each);
  } finally {
    child.close();
  }
  rmdirSync(directory.at(name));
}

/** Where something is, or is to be. */
export type Place = readonly [directory: ConfinedDirectory, name: string];

/**
 * Renames, or does what amounts to it where that is not possible (a bind mount, a directory in a lower layer of overlayfs). What it is moved to
 * must not exist. Throws the system's error.
 */
export function moveConfined([from, name]: Place, [to, newName]: Place): void {
  try {
    renameSync(from.at(name), to.at(newName));
  } catch (error) {
    if (systemCode(error) !== 'EXDEV') throw error;
    copyConfined([from, name], [to, newName]);
    removeConfined(from, name);
  }
}

function copyConfined([from, name]: Place, [to, newName]: Place): void {
  const [source, target] = [from.at(name), to.at(newName)];
  const stat = lstatSync(source);
  if (stat.isSymbolicLink()) return symlinkSync(readlinkSync(source), target);
  if (stat.isDirectory()) return copyDirectory([from, name], [to, newName]);
  copyFileSync(source, target, constants.COPYFILE_EXCL);
  lutimesSync(target, stat.atimeMs / 1000, stat.mtimeMs / 1000);
}

function copyDirectory([from, name]: Place, [to, newName]: Place): void {
  mkdirSync(to.at(newName), { mode: 0o700 });
  const [source, target] = [from.child(name), to.child(newName)];
  try {
    const { mode, atimeMs, mtimeMs } = lstatSync(source.at('.'));
    for (const each of readdirSync(source.at('.'))) copyConfined([source, each], [target, each]);
    chmodSync(target.at('.'), mode & 0o7777);
    utimesSync(target.at('.'), atimeMs / 1000, mtimeMs / 1000);
  } finally {
    source.close();
    target.close();
  }
}

function changed(path: string): PkgCacheError {
  return new PkgCacheError('PLACE_FAILED', `${path} is not the directory that it was`);
}
