import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker, type MessagePort } from 'node:worker_threads';
import { unpackPart, type Part } from '../archive/parts.ts';
import type { LocalCache } from '../cache/local.ts';
import { PkgCacheError, systemCode, type ErrorCode } from '../errors.ts';
import type { Makers } from './makers.ts';
import { LOST, isWorthParts, unpackInParts } from './unpack-parts.ts';
import { unpack, unpacksHere, type Unpacker, type Unpacking } from './unpacker.ts';

/** Each holds some 25 MB, and with more of them a process that warms up would hold more than 300. */
const MOST = 2;

/** What is less than this altogether, in bytes, is unpacked sooner than a thread has started. */
const WORTHWHILE = 4 << 20;

/** What a thread's heap may have of what is new, in MB: nothing that it makes lives long, and a process may have MOST of them. */
const YOUNG = 4;

/** Threads of the app (`app`; main.ts), for a cache that is opened as they open theirs: with the settings of this process. */
export function unpackThreads(cache: LocalCache, makers: Makers, app = join(dirname(fileURLToPath(import.meta.url)), 'main.cjs')): Unpacker {
  const start = (): Worker => new Worker(app, { argv: ['unpack-thread'], resourceLimits: { maxYoungGenerationSizeMb: YOUNG } });
  return new UnpackThreads(start, cache, unpacksHere(cache, makers));
}

/** All of an entry, or a part of it. */
type Work = Unpacking | (Part & { readonly kind: 'part' });

interface Asked {
  readonly id: number;
  readonly work: Work;
}

/** What a thread answers. Errors lose their codes on their way between threads. */
interface Answer {
  readonly id: number;
  readonly failure?: { readonly code: ErrorCode | undefined; readonly message: string; readonly system: string | undefined };
}

interface Thread {
  readonly worker: Worker;
  /** What is called with the failure, or nothing, when a work has been done. */
  readonly waiting: Map<number, (failure?: unknown) => void>;
}

/**
 * Unpacks in threads, as many as there are processors (and no more than MOST), so that the thread that reads from the network does nothing else.
 * They are started when there is enough to do. A large archive is shared out among those that have nothing else to do. Where one cannot be
 * started, or dies, the work is done here.
 */
export class UnpackThreads implements Unpacker {
  readonly #start: () => Worker;
  readonly #cache: LocalCache;
  readonly #here: Unpacker;
  readonly #most: number;
  #threads: Thread[] = [];
  #last = 0;
  #bytes = 0;
  #noMore = false;

  /** `start` starts a thread that calls `unpackFor`. */
  constructor(start: () => Worker, cache: LocalCache, here: Unpacker, most = Math.min(MOST, availableParallelism())) {
    this.#start = start;
    this.#cache = cache;
    this.#here = here;
    this.#most = most;
  }

  /** A thread takes some 60 ms of a processor to start: time that the first bytes need to arrive. */
  expect(bytes: number): void {
    if (bytes > WORTHWHILE) this.#startAll();
  }

  async unpack(unpacking: Unpacking): Promise<void> {
    this.#bytes += sizeOf(unpacking);
    try {
      if (this.#bytes > WORTHWHILE) return await this.#inThreads(unpacking);
    } catch (error) {
      if (error !== LOST) throw error;
    }
    await this.#here.unpack(unpacking);
  }

  /** Throws LOST when it was not done. */
  async #inThreads(unpacking: Unpacking): Promise<void> {
    const idle = isWorthParts(unpacking) ? this.#idle() : [];
    if (isWorthParts(unpacking) && idle.length > 1) {
      return await unpackInParts(this.#cache, unpacking, idle.length, (part, i) => this.#ask(idle[i], { ...part, kind: 'part' }));
    }
    await this.#ask(this.#leastBusy(), unpacking);
  }

  async #ask(thread: Thread | undefined, work: Work): Promise<void> {
    if (!thread || !this.#threads.includes(thread)) throw LOST;
    const id = ++this.#last;
    const failure = await new Promise<unknown>((settle) => {
      thread.waiting.set(id, settle);
      thread.worker.ref();
      thread.worker.postMessage({ id, work } satisfies Asked);
    });
    if (failure !== undefined) throw failure as Error;
  }

  close(): void {
    for (const { worker } of this.#threads) void worker.terminate();
    this.#threads = [];
    this.#here.close();
  }

  /** Those that have nothing to do, of as many as there may be. */
  #idle(): Thread[] {
    this.#startAll();
    return this.#threads.filter(({ waiting }) => waiting.size === 0);
  }

  #startAll(): void {
    while (this.#threads.length < this.#most && !this.#noMore && this.#add());
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
      thread.worker.unref(); // as long as it has nothing to do
      this.#threads.push(thread);
      return thread;
    } catch {
      this.#noMore = true;
      return undefined;
    }
  }

  #answered({ worker, waiting }: Thread, { id, failure }: Answer): void {
    waiting.get(id)?.(failure && thrown(failure));
    waiting.delete(id);
    if (waiting.size === 0) worker.unref(); // nobody has to end it
  }

  /** It has run out of memory, or was not allowed to start. What it had begun was private to it. */
  #lost(thread: Thread): void {
    this.#threads = this.#threads.filter((each) => each !== thread);
    this.#noMore = true;
    for (const settle of thread.waiting.values()) settle(LOST);
    thread.waiting.clear();
  }
}

/** What a thread does until it is terminated. */
export function unpackFor(port: MessagePort, cache: LocalCache, makers: Makers): void {
  port.on('message', ({ id, work }: Asked) => {
    let answer: Answer = { id };
    try {
      if (work.kind === 'part') unpackPart(work);
      else unpack(cache, makers, work);
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
