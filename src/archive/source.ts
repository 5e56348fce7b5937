import { closeSync, openSync, readSync } from 'node:fs';
import { PkgCacheError } from '../errors.ts';

/** How much of a file is in memory at once. */
export const CHUNK = 1 << 20;

/** An archive: a file that is read in chunks, or bytes in memory. */
export type ArchiveSource = { readonly path: string } | { readonly bytes: Uint8Array };

/** Reads an archive from its start to its end. */
export interface Reader {
  /** The next `length` bytes (at most CHUNK), valid until the next call. Throws ARCHIVE_INVALID when there are fewer. */
  take(length: number): Buffer;
  atEnd(): boolean;
  close(): void;
}

/** Opens an archive. Throws the system's error when its file cannot be opened. */
export function openSource(source: ArchiveSource): Reader {
  return 'path' in source ? new FileReader(source.path) : new BytesReader(source.bytes);
}

class BytesReader implements Reader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(length: number): Buffer {
    const end = this.#position + length;
    if (end > this.#bytes.length) throw truncated();
    const view = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return view;
  }

  atEnd(): boolean {
    return this.#position === this.#bytes.length;
  }

  close(): void {
    // The bytes belong to the caller.
  }
}

/** A window of CHUNK bytes that moves over the file. */
class FileReader implements Reader {
  readonly #fd: number;
  readonly #window = Buffer.allocUnsafeSlow(CHUNK);
  #start = 0;
  #end = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
  }

  take(length: number): Buffer {
    if (this.#end - this.#start < length) this.#fill(length);
    const view = this.#window.subarray(this.#start, this.#start + length);
    this.#start += length;
    return view;
  }

  atEnd(): boolean {
    return this.#start === this.#end && readSync(this.#fd, this.#window, 0, 1, null) === 0;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Moves what is left to the front and reads until at least `length` bytes are there. */
  #fill(length: number): void {
    this.#window.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    while (this.#end < length) {
      const read = readSync(this.#fd, this.#window, this.#end, CHUNK - this.#end, null);
      if (read === 0) throw truncated();
      this.#end += read;
    }
  }
}

function truncated(): PkgCacheError {
  return new PkgCacheError('ARCHIVE_INVALID', 'the archive ends too early');
}
