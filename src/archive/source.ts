import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { PkgCacheError } from '../errors.ts';

/** How much of a file is in memory at once: so little that what was read is still in the processor's cache when it is written. */
export const CHUNK = 1 << 18;

/** An archive: a file that is read in chunks, or bytes in memory. */
export type ArchiveSource = { readonly path: string } | { readonly bytes: Uint8Array };

/** Reads an archive, or a part of it, from the front to the back. */
export interface Reader {
  /** Whether the end has been reached. */
  readonly atEnd: boolean;
  /** Where the bytes are that were taken last. */
  readonly window: Buffer;
  /**
   * Takes the next `length` bytes (at most CHUNK); returns where in `window` they begin. They stay there until the next call.
   * (A view of them would be an object more for every file.) Throws ARCHIVE_INVALID when there are fewer.
   */
  take(length: number): number;
  close(): void;
}

/** Opens an archive, to be read from byte `at` on. Throws the system's error when its file cannot be opened. */
export function openSource(source: ArchiveSource, at = 0): Reader {
  return 'path' in source ? new FileReader(source.path, at) : new BytesReader(source.bytes, at);
}

class BytesReader implements Reader {
  readonly window: Buffer;
  #position: number;

  constructor(bytes: Uint8Array, at: number) {
    this.window = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = at;
  }

  get atEnd(): boolean {
    return this.#position === this.window.length;
  }

  take(length: number): number {
    const start = this.#position;
    if (start + length > this.window.length) throw truncated();
    this.#position += length;
    return start;
  }

  close(): void {
    // The bytes belong to the caller.
  }
}

/** A window of CHUNK bytes that moves over what is read. */
export abstract class WindowReader implements Reader {
  readonly window = Buffer.allocUnsafeSlow(CHUNK);
  /** What of the window is still to be taken. */
  #start = 0;
  #end = 0;

  abstract readonly atEnd: boolean;

  abstract close(): void;

  /** Puts what comes next into the window, from `at` on; returns how many bytes, 0 at the end. */
  protected abstract read(at: number): number;

  /** Whether all that was read has been taken. */
  protected get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  take(length: number): number {
    if (this.#end - this.#start < length) this.#fill(length);
    const start = this.#start;
    this.#start += length;
    return start;
  }

  /** Moves what is left to the front and reads until at least `length` bytes are there. */
  #fill(length: number): void {
    this.window.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    while (this.#end < length) {
      const read = this.read(this.#end);
      if (read === 0) throw truncated();
      this.#end += read;
    }
  }
}

class FileReader extends WindowReader {
  readonly #fd: number;
  readonly #size: number;
  /** Where in the file the window ends. */
  #position: number;

  constructor(path: string, at: number) {
    super();
    this.#fd = openSync(path, 'r');
    this.#size = fstatSync(this.#fd).size;
    this.#position = at;
  }

  get atEnd(): boolean {
    return this.isEmpty && this.#position === this.#size;
  }

  close(): void {
    closeSync(this.#fd);
  }

  protected read(at: number): number {
    const read = readSync(this.#fd, this.window, at, CHUNK - at, this.#position);
    this.#position += read;
    return read;
  }
}

function truncated(): PkgCacheError {
  return new PkgCacheError('ARCHIVE_INVALID', 'the archive ends too early');
}
