import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { LocalCache } from '../cache/local.ts';
import { hostIdentity, isAlive } from '../cache/claim.ts';
import type { Ownership } from '../cache/shelf.ts';
import { listDir, removeOld } from '../cache/sweep.ts';
import { count, finite, hash256, list, matching, maybe, object, oneOf, readA, text, type Shape } from '../shape.ts';

/** A process to be waited for. */
export interface Watched {
  readonly pid: number;
  readonly host: string;
  /** When it started, in the kernel's own unit; tells it from a later process of the same pid. */
  readonly started: string;
}

/** What a finished command left for the background process. */
export type Job =
  /** Snapshot what an installer brought, once that process has ended. `details` is for the ecosystem alone.
   * `elapsed`: milliseconds that it took, where it has ended already. */
  | { readonly kind: 'collect'; readonly ecosystem: string; readonly after: Watched; readonly details: unknown; readonly elapsed?: number }
  /** Tell other workers that a set is being installed, until that process has ended and what it brought is stored. */
  | { readonly kind: 'flight'; readonly set: string; readonly after: Watched }
  /** Make ready copies of entries, until there are `copies` of each, or one. */
  | { readonly kind: 'prepare'; readonly ids: readonly string[]; readonly copies?: number; readonly owner: Ownership }
  /** Make a ready copy of what an ecosystem puts together from entries. `details` is for the ecosystem alone. */
  | { readonly kind: 'assemble'; readonly ecosystem: string; readonly details: unknown; readonly owner: Ownership };

/** A job as it lies in the spool. */
export interface Spooled {
  readonly path: string;
  readonly job: Job;
}

/**
 * What is still to be done, on disk, so that it survives whoever left it and whoever does it.
 *
 *     <root>/v1/spool/jobs/<time>-<random>.json   written under drafts/ at first
 *     <root>/v1/spool/uploads/<entry id>          empty; the entry is not in the store yet
 *     <root>/v1/spool/reports/<random>.json       written by pip
 */
export class Spool {
  readonly #cache: LocalCache;

  constructor(cache: LocalCache) {
    this.#cache = cache;
  }

  /** Adds a job; it is visible at once and whole. */
  add(job: Job): void {
    this.#write(`${Date.now()}-${randomBytes(4).toString('hex')}.json`, job);
  }

  /** A process of this machine is through with what jobs wait for, though it is still there. */
  end(pid: number): void {
    for (const { path, job } of this.jobs()) {
      if (!('after' in job) || job.after.pid !== pid || job.after.host !== hostIdentity()) continue;
      const ended = { ...job, after: { ...job.after, started: ENDED } };
      this.#write(basename(path), ended.kind === 'collect' ? { ...ended, elapsed: ended.elapsed ?? Date.now() - spooledAt({ path }) } : ended);
    }
  }

  /** All jobs, oldest first. One that cannot be read is removed: nobody could ever do it. */
  jobs(): Spooled[] {
    return listDir(this.#cache.path('spool', 'jobs'))
      .filter((name) => name.endsWith('.json'))
      .sort()
      .flatMap((name) => this.#read(this.#cache.path('spool', 'jobs', name)));
  }

  done({ path }: Spooled): void {
    rmSync(path, { force: true });
  }

  /** Notes that an entry is to be uploaded. */
  addUpload(id: string): void {
    writeFileSync(join(this.#directory('uploads'), id), '');
  }

  /** Ids of entries that wait to be uploaded. */
  uploads(): string[] {
    return listDir(this.#cache.path('spool', 'uploads'));
  }

  uploaded(id: string): void {
    rmSync(this.#cache.path('spool', 'uploads', id), { force: true });
  }

  /** A path for an installer's report; undefined if the spool cannot be written. */
  newReport(): string | undefined {
    try {
      return join(this.#directory('reports'), `${randomBytes(8).toString('hex')}.json`);
    } catch {
      return undefined;
    }
  }

  /** Removes what killed processes left: archives on their way, half-written jobs, and reports that no job waits for. */
  sweep(): void {
    for (const kind of ['archives', 'drafts', 'reports']) removeOld(this.#cache.path('spool', kind), LEFT_OVER_MS);
  }

  #write(name: string, job: Job): void {
    const draft = join(this.#directory('drafts'), name);
    writeFileSync(draft, JSON.stringify(job));
    renameSync(draft, join(this.#directory('jobs'), name));
  }

  #directory(name: string): string {
    const path = this.#cache.path('spool', name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  #read(path: string): Spooled[] {
    const job = parseJob(path);
    if (job) return [{ path, job }];
    rmSync(path, { force: true });
    return [];
  }
}

/** Whatever nobody has touched for a day is nobody's, in milliseconds. */
const LEFT_OVER_MS = 86_400_000;

/** A job, or undefined for whatever else a crash or another version may have left. What is in `details` is for its ecosystem to read. */
function parseJob(path: string): Job | undefined {
  return readA(JOB, path);
}

const WATCHED = object<Watched>({ pid: count, host: text, started: text });
const OWNER = object<Ownership>({ uid: count, gid: count, umask: count });
const DETAILS: Shape<unknown> = () => undefined;
const ECOSYSTEM: Shape<string> = oneOf('pip', 'npm');
const JOBS: Readonly<Record<Job['kind'], Shape<Job>>> = {
  collect: object<Job & { kind: 'collect' }>({ kind: oneOf('collect'), ecosystem: ECOSYSTEM, after: WATCHED, details: DETAILS, elapsed: maybe(finite) }),
  flight: object<Job & { kind: 'flight' }>({ kind: oneOf('flight'), set: matching(/^[0-9a-f]{32,64}$/, 'hash'), after: WATCHED }),
  prepare: object<Job & { kind: 'prepare' }>({ kind: oneOf('prepare'), ids: list(hash256), copies: maybe(count), owner: OWNER }),
  assemble: object<Job & { kind: 'assemble' }>({ kind: oneOf('assemble'), ecosystem: ECOSYSTEM, details: DETAILS, owner: OWNER }),
};
const KIND = object({ kind: oneOf('collect', 'flight', 'prepare', 'assemble') });
const JOB: Shape<Job> = (value) => KIND(value) ?? JOBS[(value as Job).kind](value);

/** Describes a running process so that `hasEnded` can tell when it is gone. */
export function watch(pid: number): Watched {
  return { pid, host: hostIdentity(), started: startOf(pid) };
}

/** Whether only others can do a job: what it waits for, and what that brings, is on another host, or in another container. */
export function isElsewhere({ job }: Spooled): boolean {
  return 'after' in job && job.after.host !== hostIdentity();
}

/** Whether a watched process has ended. One of elsewhere cannot be seen from here and counts as ended after a day. */
export function hasEnded(watched: Watched, since: number): boolean {
  if (watched.host !== hostIdentity()) return Date.now() - since > 86_400_000;
  return !isAlive(watched.pid) || startOf(watched.pid) !== watched.started;
}

/** No process has started then. */
const ENDED = 'ended';

/** Field 22 of /proc/PID/stat; '' where there is no such file (macOS). A zombie has ended. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? ENDED : (fields[19] ?? '');
  } catch {
    return '';
  }
}

/** Milliseconds since the epoch at which a spooled job was written. */
export function spooledAt({ path }: Pick<Spooled, 'path'>): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
