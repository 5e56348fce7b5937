import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { CHUNK } from './source.ts';
import { writeAll } from './tree.ts';

/** Writes a new file through a buffer of CHUNK bytes and hashes it on the way. Methods throw the system's error. */
export class ArchiveWriter {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK);
  readonly #digest = createHash('sha256');
  #used = 0;
  #size = 0;

  /** Creates the file, which must not exist. */
  constructor(path: string) {
    this.#fd = openSync(path, 'wx', 0o644);
  }

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const space = this.space();
      const part = bytes.subarray(done, done + space.length);
      space.set(part);
      this.advance(part.length);
      done += part.length;
    }
  }

  /** Room in the buffer, never empty: whoever has put bytes there says how many with `advance`. */
  space(): Buffer {
    if (this.#used === CHUNK) this.#flush();
    return this.#buffer.subarray(this.#used);
  }

  advance(length: number): void {
    this.#used += length;
  }

  /** Writes what is left, and returns the hex SHA-256 and the size in bytes of all that was written. */
  finish(): { sha256: string; size: number } {
    this.#flush();
    return { sha256: this.#digest.digest('hex'), size: this.#size };
  }

  close(): void {
    closeSync(this.#fd);
  }

  #flush(): void {
    const bytes = this.#buffer.subarray(0, this.#used);
    this.#digest.update(bytes);
    writeAll(this.#fd, bytes);
    this.#size += this.#used;
    this.#used = 0;
  }
}
