import { setTimeout as sleep } from 'node:timers/promises';
import { tryClaim } from '../cache/claim.ts';
import { describe, type LocalCache, type LocalEntry } from '../cache/local.ts';
import { ReadyCopies } from '../cache/ready.ts';
import type { Ownership } from '../cache/shelf.ts';
import { PkgCacheError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import { push } from './push.ts';
import { claimOfBackground } from './start.ts';
import { hasEnded, spooledAt, type Job, type Spool, type Spooled } from './spool.ts';

/** What an ecosystem does with a `collect` job: snapshots, one at a time. It calls `willCreate` with an entry's id before that is visible. */
export type Collector = (cache: LocalCache, details: unknown, willCreate: (id: string) => void) => Iterable<Collected>;

/** What an ecosystem does with an `assemble` job. */
export type Assembler = (cache: LocalCache, details: unknown, owner: Ownership) => void;

export type Collected =
  | { readonly outcome: 'created'; readonly local: LocalEntry }
  | { readonly outcome: 'exists' }
  | { readonly outcome: 'skipped'; readonly what: string; readonly why: string };

export interface BackgroundOptions {
  readonly cache: LocalCache;
  readonly spool: Spool;
  /** Undefined without a store: then nothing is uploaded. */
  readonly openStore: (() => Promise<Store>) | undefined;
  readonly collectors: Readonly<Record<string, Collector>>;
  readonly assemblers: Readonly<Record<string, Assembler>>;
  readonly log: Log;
  /** Is told which entries came of a real install, and how many milliseconds that took. */
  readonly noteRealInstall?: (ecosystem: string, ids: readonly string[], ms: number) => void;
  /** Is called when the spool is empty: old logs go, and what the cache should not keep. */
  readonly housekeeping?: () => void;
}

/** What a run left undone. */
export interface Remainder {
  /** Collections whose installer is still at work. */
  readonly waiting: number;
  /** Entries that are not in the store yet. */
  readonly uploads: readonly string[];
  /** Why, if the store was tried. */
  readonly problem: string | undefined;
}

/**
 * Empties the spool: snapshots, then uploads, then ready copies, until nothing can be done any more. One process per cache does it; for the
 * others this returns at once. What is spooled while the claim is held is seen here, because the spool is looked at once more after letting go.
 */
export async function runBackground(options: BackgroundOptions): Promise<Remainder> {
  const { cache, spool } = options;
  let remainder = remaining(options, undefined);
  for (;;) {
    const claim = tryClaim(claimOfBackground(cache));
    if (!claim) return remaining(options, undefined);
    const heartbeat = setInterval(() => claim.refresh(), 20_000);
    try {
      cache.sweep();
      spool.sweep();
      remainder = await emptySpool(options);
      options.housekeeping?.();
    } finally {
      clearInterval(heartbeat);
      claim.release();
    }
    const left = remaining(options, undefined);
    if (left.waiting === 0 && left.uploads.length <= remainder.uploads.length) return remainder;
  }
}

/** How long a store that failed is left alone while there is other work, in milliseconds. */
const UPLOAD_PAUSE = 60_000;

async function emptySpool(options: BackgroundOptions): Promise<Remainder> {
  const { spool } = options;
  let problem: string | undefined;
  let resume = 0;
  const awaited = new Set<string>();
  for (;;) {
    const before = spool.jobs().length;
    const done = doJobs(options, awaited);
    if (Date.now() >= resume) {
      problem = await upload(options);
      if (problem !== undefined) resume = Date.now() + UPLOAD_PAUSE;
    }
    const jobs = spool.jobs();
    if (jobs.length === 0) return remaining(options, problem);
    // Installers that are still at work are waited for.
    if (!done && jobs.length === before) await sleep(100);
  }
}

/** Does every job that can be done now; whether there was one. `awaited`: paths of those that could not be done a moment ago. */
function doJobs(options: BackgroundOptions, awaited: Set<string>): boolean {
  let done = false;
  for (const spooled of sorted(options.spool.jobs())) {
    if (!isDue(spooled)) {
      awaited.add(spooled.path);
      continue;
    }
    attempt(options, spooled, awaited.has(spooled.path) ? Date.now() - spooledAt(spooled) : undefined);
    options.spool.done(spooled);
    done = true;
  }
  return done;
}

/** Snapshots come before ready copies: others wait for them. */
function sorted(jobs: readonly Spooled[]): Spooled[] {
  return [...jobs].sort((a, b) => Number(a.job.kind !== 'collect') - Number(b.job.kind !== 'collect'));
}

function isDue(spooled: Spooled): boolean {
  return spooled.job.kind !== 'collect' || hasEnded(spooled.job.after, spooledAt(spooled));
}

/** `waited`: how long a job was waited for that has just become due, in milliseconds. */
function attempt(options: BackgroundOptions, { job }: Spooled, waited: number | undefined): void {
  try {
    if (job.kind === 'collect') collectJob(options, job, job.elapsed ?? waited);
    else if (job.kind === 'prepare') prepareJob(options, job);
    else options.assemblers[job.ecosystem]?.(options.cache, job.details, job.owner);
  } catch (error) {
    options.log(`${job.kind}: ${messageOf(error)}`, { level: 'error' });
  }
}

function collectJob({ cache, spool, openStore, collectors, log, noteRealInstall }: BackgroundOptions, job: Job & { kind: 'collect' }, elapsed: number | undefined): void {
  const ids: string[] = [];
  // Noted before it can be seen: if we are killed in between, the next one finds the entry, takes it for an old one, and nobody would upload it.
  const willCreate = (id: string): void => {
    if (openStore) spool.addUpload(id);
  };
  let began = Date.now();
  for (const collected of collectors[job.ecosystem]?.(cache, job.details, willCreate) ?? []) {
    const seconds = (Date.now() - began) / 1000;
    if (collected.outcome === 'created') {
      const { entry, id } = collected.local;
      ids.push(id);
      log(`cached ${describe(entry)}`, { entry: describe(entry), seconds, bytes: entry.size });
    } else if (collected.outcome === 'skipped') log(`not cached: ${collected.what}: ${collected.why}`, { level: 'warn', entry: collected.what });
    began = Date.now();
  }
  if (elapsed !== undefined && ids.length > 0) noteRealInstall?.(job.ecosystem, ids, elapsed);
}

function prepareJob({ cache }: BackgroundOptions, job: Job & { kind: 'prepare' }): void {
  const ready = new ReadyCopies(cache, job.owner);
  for (const id of job.ids) {
    const local = cache.byId(id);
    if (!local) continue;
    try {
      if (!ready.prepare(local)) return;
    } catch (error) {
      if (!(error instanceof PkgCacheError) || error.code !== 'ENTRY_INVALID') throw error;
      cache.quarantine(local);
    }
  }
}

async function upload({ cache, spool, openStore, log }: BackgroundOptions): Promise<string | undefined> {
  const ids = spool.uploads();
  if (ids.length === 0 || !openStore) return undefined;
  let store: Store | undefined;
  try {
    store = await openStore();
    for (const id of ids) await uploadOne(cache, spool, store, id, log);
    return undefined;
  } catch (error) {
    log(`upload: ${messageOf(error)}`, { level: 'error' });
    return messageOf(error);
  } finally {
    store?.close();
  }
}

/** Throws only what concerns the store as a whole. */
async function uploadOne(cache: LocalCache, spool: Spool, store: Store, id: string, log: Log): Promise<void> {
  const local = cache.byId(id);
  if (local) {
    const began = Date.now();
    try {
      const outcome = await push(cache, store, local);
      const details = { entry: describe(local.entry), seconds: (Date.now() - began) / 1000, bytes: local.entry.size };
      log(`${outcome === 'created' ? 'uploaded' : 'already stored'} ${describe(local.entry)}`, details);
    } catch (error) {
      if (!(error instanceof PkgCacheError) || error.code !== 'ENTRY_INVALID') throw error;
      log(`not uploaded: ${error.message}`, { level: 'error' });
      cache.quarantine(local);
    }
  }
  spool.uploaded(id);
}

function remaining({ spool, openStore }: BackgroundOptions, problem: string | undefined): Remainder {
  return { waiting: spool.jobs().length, uploads: openStore ? spool.uploads() : [], problem };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
