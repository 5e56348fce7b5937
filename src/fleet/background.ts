import { setTimeout as sleep } from 'node:timers/promises';
import { holding, isClaimed, tryClaim, type Claim } from '../cache/claim.ts';
import { describe, type LocalCache, type LocalEntry } from '../cache/local.ts';
import { ReadyCopies } from '../cache/ready.ts';
import type { Ownership } from '../cache/shelf.ts';
import { listDir } from '../cache/sweep.ts';
import { PkgCacheError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import { Announcer } from './announce.ts';
import type { Refusal, Refusals } from './refusals.ts';
import { mayRead } from './small.ts';
import { claimOfBackground } from './start.ts';
import { hasEnded, isElsewhere, spooledAt, type Job, type Spool, type Spooled } from './spool.ts';
import { upload } from './upload.ts';

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
  /** Is called when the spool is empty, or something was done for the fleet: old logs go, and what the cache should not keep. */
  readonly housekeeping?: () => void;
  /** Why nothing is to be written to the store for now; undefined: it may be tried. */
  readonly whyNotWritten?: () => string | undefined;
  /** These credentials may read, and no more. */
  readonly wasDenied?: () => void;
  /** What the store has refused. */
  readonly refusals?: Refusals;
  /** Tells other workers what has been stored. Throws STORE_*. */
  readonly announce?: (store: Store, entries: readonly LocalEntry[]) => Promise<void>;
}

/** What a run left undone. */
export interface Remainder {
  /** Collections whose installer is still at work. */
  readonly waiting: number;
  /** Entries that are not in the store yet. */
  readonly uploads: readonly string[];
  /** Why, if the store was tried. */
  readonly problem: string | undefined;
  /** Those of the entries that were refused for their own sake. */
  readonly refused: readonly Refusal[];
}

/** Does some work as the one background process of a cache; false if there is another one. */
export async function aloneIn(cache: LocalCache, work: (claim: Claim) => Promise<void>): Promise<boolean> {
  const claim = tryClaim(claimOfBackground(cache));
  if (!claim) return false;
  await holding(claim, () => work(claim));
  return true;
}

/**
 * Empties the spool: snapshots, then uploads, then ready copies, until nothing can be done any more. One process per cache does it; for the
 * others this returns at once. What is spooled while the claim is held is seen here, because the spool is looked at once more after letting go. `idle` is
 * what may be done besides, once the spool is empty.
 */
export async function runBackground(options: BackgroundOptions, idle: () => Promise<void> = () => Promise.resolve()): Promise<Remainder> {
  const { cache, spool } = options;
  let remainder = remaining(options, undefined);
  for (;;) {
    const ran = await aloneIn(cache, async () => {
      cache.sweep();
      spool.sweep();
      remainder = await emptySpool(options);
      options.housekeeping?.();
      await idle();
    });
    if (!ran) return remaining(options, undefined);
    const left = remaining(options, undefined);
    if (left.waiting === 0 && left.uploads.length <= remainder.uploads.length) return remainder;
  }
}

/** How long a store that failed is left alone while there is other work, in milliseconds. */
const UPLOAD_PAUSE = 60_000;

async function emptySpool(options: BackgroundOptions): Promise<Remainder> {
  const work = new SpoolWork(options);
  for (;;) {
    const before = ownJobs(options).length;
    const done = await work.round();
    const count = ownJobs(options).length;
    if (count === 0) return remaining(options, work.problem);
    // Installers that are still at work are waited for.
    if (!done && count === before) await sleep(100);
  }
}

/** What is done with a spool, a round at a time. */
export class SpoolWork {
  /** Why uploads are left, if the store was tried. */
  problem: string | undefined;
  readonly #options: BackgroundOptions;
  readonly #awaited = new Set<string>();
  readonly #announcer: Announcer;
  #resume = 0;

  constructor(options: BackgroundOptions) {
    this.#options = options;
    this.#announcer = new Announcer(options);
  }

  /** Does the jobs that can be done now, then uploads; whether there was a job. */
  async round(): Promise<boolean> {
    this.#announcer.look();
    const done = doJobs(this.#options, this.#awaited);
    if (Date.now() >= this.#resume) {
      this.problem = await uploadPending(this.#options);
      if (this.problem !== undefined) this.#resume = Date.now() + UPLOAD_PAUSE;
    }
    await this.#announcer.land();
    return done;
  }
}

/** After so many milliseconds an install that cannot be seen from here counts as done, or as having died with its container. */
const UNSEEN_INSTALL = 600_000;

/** Whether an install is at work on this machine: one that is watched, or that places files. */
export function isInstalling({ cache, spool }: Pick<BackgroundOptions, 'cache' | 'spool'>): boolean {
  const watched = spool.jobs().some((spooled) => !isDue(spooled) && !(isElsewhere(spooled) && Date.now() - spooledAt(spooled) > UNSEEN_INSTALL));
  return watched || listDir(cache.path('claims')).some((name) => name.startsWith('env-') && isClaimed(cache.path('claims', name)));
}

/** Does every job that can be done now; whether there was one. `awaited`: paths of those that could not be done a moment ago. */
export function doJobs(options: BackgroundOptions, awaited = new Set<string>()): boolean {
  let done = false;
  for (const spooled of sorted(options.spool.jobs())) {
    if (spooled.job.kind === 'flight') continue; // see announce.ts
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
  return !('after' in spooled.job) || hasEnded(spooled.job.after, spooledAt(spooled));
}

/** `waited`: how long a job was waited for that has just become due, in milliseconds. */
function attempt(options: BackgroundOptions, { job }: Spooled, waited: number | undefined): void {
  try {
    if (job.kind === 'collect') collectJob(options, job, job.elapsed ?? waited);
    else if (job.kind === 'prepare') prepareJob(options, job);
    else if (job.kind === 'assemble') options.assemblers[job.ecosystem]?.(options.cache, job.details, job.owner);
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
      if (!ready.prepare(local, job.copies)) return;
    } catch (error) {
      if (!(error instanceof PkgCacheError) || error.code !== 'ENTRY_INVALID') throw error;
      cache.quarantine(local);
    }
  }
}

/** Stores what waits for that and is due, several may do it at once; why the store took no more. Never throws. */
export async function uploadPending(options: BackgroundOptions): Promise<string | undefined> {
  const { spool, openStore, whyNotWritten, wasDenied, announce, refusals, log } = options;
  const pending = spool.uploads();
  const ids = refusals?.due(pending) ?? pending;
  if (ids.length === 0 || !openStore) return undefined;
  const denied = whyNotWritten?.();
  if (denied !== undefined) return denied;
  let store: Store | undefined;
  try {
    store = await openStore();
    const stored: LocalEntry[] = [];
    try {
      for (const id of ids) stored.push(...(await uploadOne(options, store, id)));
    } finally {
      refusals?.forget(stored.map(({ id }) => id));
      await announce?.(store, stored);
    }
    return undefined;
  } catch (error) {
    if (store && error instanceof PkgCacheError && error.code === 'STORE_DENIED' && (await mayRead(store))) wasDenied?.();
    log(`upload: ${messageOf(error)}`, { level: 'error' });
    return messageOf(error);
  } finally {
    store?.close();
  }
}

/** What is in the store now: the entry, or nothing if it is refused, damaged or gone. Throws only what concerns the store as a whole. */
async function uploadOne({ cache, spool, refusals, log }: BackgroundOptions, store: Store, id: string): Promise<LocalEntry[]> {
  const local = cache.byId(id);
  const began = Date.now();
  const outcome = local && (await upload({ cache, store, refusals, log: (message) => log(message, { level: 'error' }) }, local));
  if (outcome === 'refused') return [];
  spool.uploaded(id);
  if (!local || outcome === 'damaged') {
    refusals?.forget([id]);
    return [];
  }
  const details = { entry: describe(local.entry), seconds: (Date.now() - began) / 1000, bytes: local.entry.size };
  log(`${outcome === 'created' ? 'uploaded' : 'already stored'} ${describe(local.entry)}`, details);
  return [local];
}

function ownJobs({ spool }: BackgroundOptions): Spooled[] {
  return spool.jobs().filter((job) => !isElsewhere(job));
}

function remaining(options: BackgroundOptions, problem: string | undefined): Remainder {
  const uploads = options.openStore ? options.spool.uploads() : [];
  const refused = uploads.length === 0 ? undefined : options.refusals?.all();
  return { waiting: ownJobs(options).length, uploads, problem, refused: uploads.flatMap((id) => refused?.get(id) ?? []).filter(({ tries }) => tries > 0) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
