import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker, type MessagePort } from 'node:worker_threads';
import type { LocalCache } from '../cache/local.ts';
import { PkgCacheError, systemCode, type ErrorCode } from '../errors.ts';
import { Gate } from '../store/gate.ts';
import type { Makers } from './makers.ts';
import { unpack, unpacksHere, type Unpacker, type Unpacking } from './unpacker.ts';

/** More threads than this do not get their work fast enough. */
const MOST = 4;

/** What is less than this altogether, in bytes, is unpacked sooner than a thread has started. */
const WORTHWHILE = 4 << 20;

/** Who makes an entry of what its registry has may hold all of it unpacked. Of those that are larger than this (bytes) one is made at a time. */
const LARGE = 8 << 20;

/** What a thread's heap may have of what is new, in MB: nothing that it makes lives long, and a process may have MOST of them. */
const YOUNG = 8;

/** Threads of the app (main.ts), for a cache that is opened as they open theirs: with the settings of this process. */
export function unpackThreads(cache: LocalCache, makers: Makers): Unpacker {
  const app = join(dirname(fileURLToPath(import.meta.url)), 'main.cjs');
  return new UnpackThreads(() => new Worker(app, { argv: ['unpack-thread'], resourceLimits: { maxYoungGenerationSizeMb: YOUNG } }), unpacksHere(cache, makers));
}

interface Asked {
  readonly id: number;
  readonly unpacking: Unpacking;
}

/** What a thread answers. Errors lose their codes on their way between threads. */
interface Answer {
  readonly id: number;
  readonly failure?: { readonly code: ErrorCode | undefined; readonly message: string; readonly system: string | undefined };
}

interface Waiting {
  readonly unpacking: Unpacking;
  readonly settle: (failure?: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
}

/**
 * Unpacks in threads, as many as there are processors (and no more than MOST), so that the thread that reads from the network does nothing else.
 * They are started when there is enough to do. Where one cannot be started, or dies, the work is done here.
 */
export class UnpackThreads implements Unpacker {
  readonly #start: () => Worker;
  readonly #here: Unpacker;
  readonly #most: number;
  readonly #large = new Gate(1);
  #threads: Thread[] = [];
  #last = 0;
  #bytes = 0;
  #noMore = false;

  /** `start` starts a thread that calls `unpackFor`. */
  constructor(start: () => Worker, here: Unpacker, most = Math.min(MOST, availableParallelism())) {
    this.#start = start;
    this.#here = here;
    this.#most = most;
  }

  async unpack(unpacking: Unpacking): Promise<void> {
    // By one thread: what it held for the last one is free when it needs as much for the next.
    if (unpacking.kind === 'original' && unpacking.bytes.length > LARGE) await this.#large.run(() => this.#unpack(unpacking, this.#threads[0]));
    else await this.#unpack(unpacking);
  }

  async #unpack(unpacking: Unpacking, wanted?: Thread): Promise<void> {
    this.#bytes += sizeOf(unpacking);
    const thread = wanted ?? (this.#bytes > WORTHWHILE ? this.#leastBusy() : undefined);
    if (!thread) return await this.#here.unpack(unpacking);
    const id = ++this.#last;
    const failure = await new Promise<unknown>((settle) => {
      thread.waiting.set(id, { unpacking, settle });
      thread.worker.ref();
      thread.worker.postMessage({ id, unpacking } satisfies Asked);
    });
    if (failure !== undefined) throw failure as Error;
  }

  close(): void {
    for (const { worker } of this.#threads) void worker.terminate();
    this.#threads = [];
    this.#here.close();
  }

  #leastBusy(): Thread | undefined {
    const [first, ...others] = this.#threads;
    const least = first && others.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a), first);
    if (least?.waiting.size === 0 || this.#threads.length >= this.#most || this.#noMore) return least;
    return this.#add() ?? least;
  }

  #add(): Thread | undefined {
    try {
      const thread: Thread = { worker: this.#start(), waiting: new Map() };
      thread.worker.on('message', (answer: Answer) => this.#answered(thread, answer));
      thread.worker.on('error', () => this.#lost(thread));
      thread.worker.on('exit', () => this.#lost(thread));
      this.#threads.push(thread);
      return thread;
    } catch {
      this.#noMore = true;
      return undefined;
    }
  }

  #answered({ worker, waiting }: Thread, { id, failure }: Answer): void {
    waiting.get(id)?.settle(failure && thrown(failure));
    waiting.delete(id);
    if (waiting.size === 0) worker.unref(); // nobody has to end it
  }

  /** It has run out of memory, or was not allowed to start. What it had begun was private to it. */
  #lost(thread: Thread): void {
    this.#threads = this.#threads.filter((each) => each !== thread);
    this.#noMore = true;
    for (const { unpacking, settle } of thread.waiting.values()) this.#here.unpack(unpacking).then(() => settle(), settle);
    thread.waiting.clear();
  }
}

/** What a thread does until it is terminated. */
export function unpackFor(port: MessagePort, cache: LocalCache, makers: Makers): void {
  port.on('message', ({ id, unpacking }: Asked) => {
    let answer: Answer = { id };
    try {
      unpack(cache, makers, unpacking);
    } catch (error) {
      answer = { id, failure: told(error) };
    }
    port.postMessage(answer);
  });
}

function sizeOf(unpacking: Unpacking): number {
  return unpacking.kind === 'archive' ? unpacking.entry.size : unpacking.bytes.length;
}

function told(error: unknown): NonNullable<Answer['failure']> {
  const ours = error instanceof PkgCacheError ? error : undefined;
  return { code: ours?.code, message: error instanceof Error ? error.message : String(error), system: systemCode(ours ? ours.cause : error) };
}

function thrown({ code, message, system }: NonNullable<Answer['failure']>): Error {
  const cause = system === undefined ? undefined : Object.assign(new Error(system), { code: system });
  if (code !== undefined) return new PkgCacheError(code, message, cause && { cause });
  return Object.assign(new Error(message), system === undefined ? {} : { code: system });
}
