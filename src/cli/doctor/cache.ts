import { mkdirSync, readFileSync, realpathSync, statfsSync } from 'node:fs';
import { nearestExisting } from '../../cache/copy.ts';
import { whyFull } from '../../cache/floor.ts';
import { LocalCache } from '../../cache/local.ts';
import { listDir } from '../../cache/sweep.ts';
import { describeUntrusted, untrusted, whatToDo } from '../../cache/trust.ts';
import { systemCode } from '../../errors.ts';
import { isAtWork } from '../../fleet/start.ts';
import { Spool } from '../../fleet/spool.ts';
import type { Settings } from '../../settings.ts';
import { formatBytes, formatCount } from '../terminal.ts';
import { checksOf, type Check } from './check.ts';

const { ok, note, problem } = checksOf('cache');

/** Whether the cache can be used, how much room it has, and what waits in it. */
export function checkCache(directory: string, { minFree, maxUsed }: Pick<Settings, 'minFree' | 'maxUsed'>): Check[] {
  const refused = [...untrusted(directory, process.getuid?.(), { deep: true })];
  if (refused.length > 0) return refused.map((found) => problem(describeUntrusted(directory, found), whatToDo(found)));
  const cache = new LocalCache(directory);
  try {
    mkdirSync(cache.path('state'), { recursive: true });
  } catch (error) {
    return [problem(`${directory} cannot be written (${systemCode(error) ?? 'unknown error'}): it serves at most, and learns nothing`, 'make it writable for this user, or set PKG_CACHE_DIR to a directory of your own')];
  }
  const { bavail, bsize } = statfsSync(cache.root);
  const full = whyFull(cache.root, { minFree, maxUsed });
  return [
    ok(`${directory}, on ${fileSystemOf(cache.root)}, ${formatBytes(bavail * bsize)} free`),
    ...(full === undefined ? [] : [problem(`nothing is added: ${full}`, 'make room (pkg-cache clean, pkg-cache status --sort size), or lower min_free or raise max_used')]),
    ...checkWork(cache),
  ];
}

function checkWork(cache: LocalCache): Check[] {
  const spool = new Spool(cache);
  const [jobs, uploads] = [spool.jobs().length, spool.uploads().length];
  const stalled = listDir(cache.path('stalled')).length;
  const waiting = `waiting: ${formatCount(jobs, 'job')}, ${formatCount(uploads, 'upload')}`;
  return [
    jobs + uploads === 0 ? ok('nothing waits for the background process') : note(`${waiting}${isAtWork(cache) ? '; the background process is at work' : ''}`, 'pkg-cache flush does them now; pkg-cache logs says what went wrong before'),
    ...(stalled === 0 ? [] : [note(`${formatCount(stalled, 'entry has', 'entries have')} failed a check, and ${stalled === 1 ? 'is' : 'are'} not fetched from the store again`, 'pkg-cache status -s stalled shows them, pkg-cache clean lets them be fetched again')]),
  ];
}

/** The type of the file system that a path is on, and where that is mounted, as far as the kernel tells (proc_pid_mountinfo(5)). */
export function fileSystemOf(path: string): string {
  const real = realpathSync(nearestExisting(path));
  let best: { mount: string; type: string } | undefined;
  for (const line of mountinfo()) {
    const [before = '', after = ''] = line.split(' - ');
    const mount = (before.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
    const contains = real === mount || real.startsWith(mount === '/' ? '/' : `${mount}/`);
    if (contains && mount.length >= (best?.mount.length ?? 0)) best = { mount, type: after.split(' ')[0] ?? '' };
  }
  return best ? `${best.type} (${best.mount})` : 'a file system of unknown type';
}

function mountinfo(): string[] {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line !== '');
  } catch {
    return []; // macOS
  }
}
