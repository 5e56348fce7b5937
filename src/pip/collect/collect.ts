import { rmSync } from 'node:fs';
import { entryId, type EntryKey } from '../../cache/entry.ts';
import { noteOrigin } from '../../cache/origins.ts';
import type { LocalCache, LocalEntry } from '../../cache/local.ts';
import { forgetYanked, noteYanked, YANKED } from '../../cache/yanked.ts';
import type { PipMeta } from '../entry.ts';
import { pipKey } from '../entry.ts';
import { normalName } from '../recognise/names.ts';
import { canonicalVersion } from '../version.ts';
import { normalUrl, type Policy } from '../../policy.ts';
import type { CollectDetails } from './job.ts';
import { readReport, type ReportedInstall } from './report.ts';
import { snapshot } from './snapshot.ts';
import { listDir } from '../../cache/sweep.ts';

/** What became of a reported install. */
export type Collected =
  | { readonly outcome: 'created'; readonly local: LocalEntry<PipMeta> }
  | { readonly outcome: 'exists' }
  | { readonly outcome: 'skipped'; readonly what: string; readonly why: string };

/**
 * Snapshots what a real pip installed, after it has ended. Nothing is cached unless everything that pip set out to install is there:
 * a pip that failed or was killed leaves nothing behind in the cache. `willCreate` is told the id of an entry just before it is made.
 */
export function* collect(cache: LocalCache, details: CollectDetails, willCreate: (id: string) => void, policy: Policy): Generator<Collected> {
  try {
    const report = readReport(details.report);
    if (!report) return;
    const infos = findInfos(details);
    if (report.cachable.length > 0) noteOrigin(cache, details.origin, details.sources.filter((source) => /^https?:/.test(source)).map((source) => normalUrl(source) ?? '').join(' '));
    for (const install of report.yanked) {
      noteYanked(cache, keyOf(install, details));
      yield { outcome: 'skipped', what: `${install.name}==${install.version}`, why: YANKED };
    }
    const absent = report.every.find(({ name, version }) => !infos.has(infoKey(name, version)));
    if (absent) {
      yield { outcome: 'skipped', what: `${absent.name}==${absent.version}`, why: 'pip did not finish installing it' };
      return;
    }
    for (const install of report.cachable) {
      const why = policy.whyNot({ ecosystem: 'pip', name: normalName(install.name), version: install.version }, details.sources);
      if (why !== undefined) {
        yield { outcome: 'skipped', what: `${install.name}==${install.version}`, why };
        continue;
      }
      const info = infos.get(infoKey(install.name, install.version)) ?? '';
      if (info.endsWith('.dist-info')) yield collectOne(cache, details, install, info, willCreate);
      else yield { outcome: 'skipped', what: `${install.name}==${install.version}`, why: 'setup.py installed it, without a RECORD' };
    }
  } finally {
    rmSync(details.report, { force: true });
  }
}

function collectOne(cache: LocalCache, details: CollectDetails, install: ReportedInstall, distInfo: string, willCreate: (id: string) => void): Collected {
  const what = `${install.name}==${install.version}`;
  if (!install.isWheel && details.buildOptions) return { outcome: 'skipped', what, why: 'it was built with options' };
  if (details.narrow.includes(normalName(install.name))) return { outcome: 'skipped', what, why: 'the request left out other builds of this version' };
  const key = keyOf(install, details);
  if (install.isYanked === false) forgetYanked(cache, key);
  if (cache.lookup(key)) return { outcome: 'exists' };
  const claim = cache.claimEntry(key, 'background');
  if (!claim) return { outcome: 'skipped', what, why: 'another process is at it' };
  try {
    willCreate(entryId(key));
    return { outcome: 'created', local: snapshot(cache, key, details, install, distInfo) };
  } catch (error) {
    return { outcome: 'skipped', what, why: error instanceof Error ? error.message : String(error) };
  } finally {
    claim.release();
  }
}

function keyOf({ name, version, isWheel }: ReportedInstall, { platform, builtPlatform, origin }: CollectDetails): EntryKey {
  return pipKey(normalName(name), version, isWheel ? platform : builtPlatform, origin);
}

/** The `.dist-info` directories in the target, and what setup.py leaves instead (`.egg-info`), by normal name and version. */
function findInfos({ layout }: CollectDetails): Map<string, string> {
  const found = new Map<string, string>();
  for (const lib of new Set([layout.actual.purelib, layout.actual.platlib])) {
    for (const name of listDir(lib)) {
      const parts = /^([^-]+)-([^-]+?)(?:-py[\d.]+)?\.(?:dist|egg)-info$/.exec(name);
      if (parts && (name.endsWith('.dist-info') || !found.has(infoKey(parts[1] ?? '', parts[2] ?? '')))) found.set(infoKey(parts[1] ?? '', parts[2] ?? ''), name);
    }
  }
  return found;
}

function infoKey(name: string, version: string): string {
  return `${normalName(name)}==${canonicalVersion(version) ?? version}`;
}
