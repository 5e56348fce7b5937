import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { PkgCacheError, type ErrorCode } from '../errors.ts';
import type { Piece } from './members.ts';
import type { SharedTree } from './tree.ts';

/** What a helper is told first, so that it can read the list while it is being checked. */
export interface Announcement {
  /** The bytes of `files.json`, in shared memory. Their hash is that of the entry. */
  readonly list: Uint8Array<SharedArrayBuffer>;
}

/** What a helper is told then: the list is safe, the directories are there, begin. */
export interface Job {
  readonly path: string;
  readonly tree: SharedTree;
  readonly trusted: boolean;
  readonly pieces: readonly Piece[];
  readonly counters: Int32Array<SharedArrayBuffer>;
}

/** Why a helper failed: an error in a form that threads can pass on. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  /** The code of the system error behind it. */
  readonly system: string | undefined;
}

/** Where the build puts the code of helpers: beside this code. */
const HELPER = new URL('./unpack-worker.mjs', import.meta.url);

/** More threads than this only get into each other's way in the file system. */
const MAX_THREADS = 4;

/** Helpers of all crews of this process. */
let helpersAtWork = 0;

/**
 * Threads that help this one to unpack one archive. A helper that fails to start is not missed: it just never takes a
 * piece of the work (work.ts).
 */
export class Crew {
  readonly #helpers: Helper[] = [];

  /** A crew without helpers. */
  static none(): Crew {
    return new Crew();
  }

  /** Starts as many helpers as there are processors to spare. `code` is what they run. */
  static start(code = HELPER): Crew {
    const crew = new Crew();
    try {
      while (helpersAtWork < Math.min(availableParallelism(), MAX_THREADS) - 1) crew.#helpers.push(new Helper(code));
    } catch {
      // No more threads to be had.
    }
    return crew;
  }

  announce(list: Buffer): void {
    if (this.#helpers.length === 0) return;
    const shared = new Uint8Array(new SharedArrayBuffer(list.length));
    shared.set(list);
    this.#tell({ list: shared });
  }

  begin(job: Job): void {
    this.#tell(job);
  }

  #tell(message: Announcement | Job): void {
    for (const helper of this.#helpers) helper.worker.postMessage(message);
  }

  /** Waits until all helpers are through. Throws the PkgCacheError that one of them failed with. */
  async finish(): Promise<void> {
    const failures = await Promise.all(this.#helpers.map((helper) => helper.end));
    const failure = failures.find((each) => each !== undefined);
    if (failure) throw failure;
  }

  /** Ends all helpers at once; when the promise resolves, none of them touches a file any more. */
  async dismiss(): Promise<void> {
    await Promise.all(this.#helpers.map((helper) => helper.worker.terminate()));
  }
}

class Helper {
  readonly worker: Worker;
  /** Resolves when it is through, to what it failed with. */
  readonly end: Promise<PkgCacheError | undefined>;

  constructor(code: URL) {
    this.worker = new Worker(code, { execArgv: [], stdout: true, stderr: true });
    helpersAtWork++;
    this.end = new Promise((resolve) => {
      this.worker.on('message', (failure: Failure) => resolve(asError(failure)));
      this.worker.on('error', (cause) => resolve(new PkgCacheError('CACHE_UNUSABLE', 'a thread that was unpacking failed', { cause })));
      this.worker.on('exit', () => {
        helpersAtWork--;
        resolve(undefined);
      });
    });
  }
}

function asError({ code, message, system }: Failure): PkgCacheError {
  const cause = system === undefined ? undefined : Object.assign(new Error(system), { code: system });
  return new PkgCacheError(code, message, { cause });
}
