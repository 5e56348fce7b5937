import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { PkgCacheError } from '../errors.ts';

/** How much of a file is in memory at once: so little that what was read is still in the processor's cache when it is written. */
export const CHUNK = 1 << 18;

/** An archive: a file that is read in chunks, or bytes in memory. */
export type ArchiveSource = { readonly path: string } | { readonly bytes: Uint8Array };

/** Reads an archive from its start to its end, or from where it is told to. */
export interface Reader {
  /** The length of the archive in bytes. */
  readonly size: number;
  /** Where the bytes are that were taken last. */
  readonly window: Buffer;
  /**
   * Takes the next `length` bytes (at most CHUNK); returns where in `window` they begin. They stay there until the next call.
   * (A view of them would be an object more for every file.) Throws ARCHIVE_INVALID when there are fewer.
   */
  take(length: number): number;
  /** Goes on at `position`, and reads ahead no further than `end`. */
  moveTo(position: number, end: number): void;
  close(): void;
}

/** Opens an archive. Throws the system's error when its file cannot be opened. */
export function openSource(source: ArchiveSource): Reader {
  return 'path' in source ? new FileReader(source.path) : new BytesReader(source.bytes);
}

class BytesReader implements Reader {
  readonly size: number;
  readonly window: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.window = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.size = bytes.byteLength;
  }

  take(length: number): number {
    const start = this.#position;
    if (start + length > this.size) throw truncated();
    this.#position += length;
    return start;
  }

  moveTo(position: number): void {
    this.#position = position;
  }

  close(): void {
    // The bytes belong to the caller.
  }
}

/** A window of CHUNK bytes that moves over the file. */
class FileReader implements Reader {
  readonly size: number;
  readonly window = Buffer.allocUnsafeSlow(CHUNK);
  readonly #fd: number;
  /** What of the window is still to be taken. */
  #start = 0;
  #end = 0;
  /** Where in the file the window ends, and where reading ahead does. */
  #position = 0;
  #limit: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
    this.size = fstatSync(this.#fd).size;
    this.#limit = this.size;
  }

  take(length: number): number {
    if (this.#end - this.#start < length) this.#fill(length);
    const start = this.#start;
    this.#start += length;
    return start;
  }

  moveTo(position: number, end: number): void {
    this.#start = this.#end = 0;
    this.#position = position;
    this.#limit = end;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Moves what is left to the front and reads until at least `length` bytes are there. */
  #fill(length: number): void {
    this.window.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    while (this.#end < length) {
      const room = Math.min(CHUNK - this.#end, this.#limit - this.#position);
      const read = room > 0 ? readSync(this.#fd, this.window, this.#end, room, this.#position) : 0;
      if (read === 0) throw truncated();
      this.#end += read;
      this.#position += read;
    }
  }
}

function truncated(): PkgCacheError {
  return new PkgCacheError('ARCHIVE_INVALID', 'the archive ends too early');
}
