import { chmodSync, closeSync, constants, fchmodSync, futimesSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { systemCode } from '../errors.ts';
import { modeOf } from './format.ts';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const DIRECTORY_MODE = 0o755;

/** What the tree has to know of a file. `path` is safe (paths.ts) and relative to the tree's root. */
export interface TreeFile {
  readonly path: string;
  readonly executable: boolean;
  readonly mtime?: number;
}

/**
 * Writes files below a directory of its own, or of several writers that each have other files. Files are 0644 or 0755 and directories 0755, whatever the umask,
 * the default ACL or a setgid parent would make of them: the first directory shows whether a chmod is needed.
 * Methods throw the system's error.
 */
export class TreeWriter {
  readonly #root: string;
  /** Whether the modes that things are created with are not those that they get. */
  readonly chmod: boolean;
  readonly #isShared: boolean;
  readonly #made = new Set<string>(['']);
  /** Where the last file went: neighbours in a list mostly share it. */
  #last = '';

  private constructor(root: string, chmod: boolean, isShared: boolean) {
    this.#root = root;
    this.chmod = chmod;
    this.#isShared = isShared;
  }

  /** Creates `root`, which must not exist. */
  static create(root: string): TreeWriter {
    mkdirSync(root, DIRECTORY_MODE);
    // Every bit of 0644 is one of 0755, so what leaves a directory alone leaves files alone, too.
    const chmod = (statSync(root).mode & 0o7777) !== DIRECTORY_MODE;
    if (chmod) chmodSync(root, DIRECTORY_MODE);
    return new TreeWriter(root, chmod, false);
  }

  /** Writes to a tree that `create` has made, in this thread or another: `chmod` is what it found out. `isShared`: others do so, too. */
  static of(root: string, { chmod, isShared }: { chmod: boolean; isShared: boolean }): TreeWriter {
    return new TreeWriter(root, chmod, isShared);
  }

  /** Creates a file, and the directories above it; `writeBody` gets its descriptor and writes the bytes. */
  write(file: TreeFile, writeBody: (fd: number) => void): void {
    const directory = file.path.slice(0, Math.max(0, file.path.lastIndexOf('/')));
    if (directory !== this.#last) this.#ensureDirectory(directory);
    this.#last = directory;
    const fd = openSync(`${this.#root}/${file.path}`, CREATE, modeOf(file.executable));
    try {
      writeBody(fd);
      if (this.chmod) fchmodSync(fd, modeOf(file.executable));
      if (file.mtime !== undefined) futimesSync(fd, file.mtime, file.mtime);
    } finally {
      closeSync(fd);
    }
  }

  /** Creates a directory and those above it, once. */
  #ensureDirectory(path: string): void {
    if (this.#made.has(path)) return;
    this.#ensureDirectory(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    this.#makeDirectory(`${this.#root}/${path}`);
    this.#made.add(path);
  }

  /** Where another writer has just made it, its mode is not what it should be before a chmod: its own, or ours. */
  #makeDirectory(path: string): void {
    try {
      mkdirSync(path, DIRECTORY_MODE);
    } catch (error) {
      if (!this.#isShared || systemCode(error) !== 'EEXIST') throw error;
    }
    if (this.chmod) chmodSync(path, DIRECTORY_MODE);
  }
}

/** Writes `length` of the bytes from `start` on; one write call may take less (2 GiB at most, or the rest of a full disk). */
export function writeAll(fd: number, bytes: Uint8Array, start = 0, length = bytes.length): void {
  for (let written = 0; written < length; ) written += writeSync(fd, bytes, start + written, length - written);
}
