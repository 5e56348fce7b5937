import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { entryId, type EntryKey } from '../../cache/entry.ts';
import { noteOrigin } from '../../cache/origins.ts';
import type { LocalCache, LocalEntry } from '../../cache/local.ts';
import { forgetYanked, noteYanked, YANKED } from '../../cache/yanked.ts';
import type { PipMeta } from '../entry.ts';
import { pipKey } from '../entry.ts';
import { parseMetadata } from '../metadata.ts';
import { normalName } from '../recognise/names.ts';
import { canonicalVersion } from '../version.ts';
import { normalUrl, type Policy } from '../../policy.ts';
import type { CollectDetails } from './job.ts';
import { readOutcome, type PipOutcome } from './outcome.ts';
import { removeReport } from './overwritten.ts';
import { readReport, type ReportedInstall } from './report.ts';
import { snapshot } from './snapshot.ts';
import { listDir } from '../../cache/sweep.ts';

/** What became of a reported install. */
export type Collected =
  | { readonly outcome: 'created'; readonly local: LocalEntry<PipMeta> }
  | { readonly outcome: 'exists' }
  | { readonly outcome: 'skipped'; readonly what: string; readonly why: string };

/**
 * Snapshots what a real pip installed, after it has ended. Nothing is cached unless pip ended with 0, and of what it has installed only what
 * it has put there itself, in this run, and nobody has touched since. `willCreate` is told the id of an entry just before it is made.
 */
export function* collect(cache: LocalCache, details: CollectDetails, willCreate: (id: string) => void, policy: Policy): Generator<Collected> {
  try {
    const report = readReport(details.report);
    if (!report) return;
    const infos = findInfos(details);
    if (report.cachable.length > 0) noteOrigin(cache, details.origin, details.sources.filter((source) => /^https?:/.test(source)).map((source) => normalUrl(source) ?? '').join(' '));
    for (const install of report.yanked) {
      noteYanked(cache, keyOf(install, details));
      yield { outcome: 'skipped', what: describe(install), why: YANKED };
    }
    const outcome = readOutcome(details.report);
    const [first, ...others] = report.cachable;
    if (!outcome && first) yield { outcome: 'skipped', what: describe(first, others.length), why: 'pip did not succeed, or could not be observed' };
    if (!outcome) return;
    for (const install of report.cachable) {
      const why = policy.whyNot({ ecosystem: 'pip', name: normalName(install.name), version: install.version }, details.sources);
      if (why !== undefined) {
        yield { outcome: 'skipped', what: describe(install), why };
        continue;
      }
      const info = infos.get(infoKey(install.name, install.version)) ?? '';
      if (info.endsWith('.dist-info')) yield collectOne(cache, details, install, { distInfo: info, outcome }, willCreate);
      else yield { outcome: 'skipped', what: describe(install), why: info === '' ? 'it is not there any more' : 'setup.py installed it, without a RECORD' };
    }
  } finally {
    removeReport(details.report);
  }
}

function describe({ name, version }: ReportedInstall, others = 0): string {
  return `${name}==${version}${others === 0 ? '' : ` and ${others} more`}`;
}

interface Installed {
  readonly distInfo: string;
  readonly outcome: PipOutcome;
}

function collectOne(cache: LocalCache, details: CollectDetails, install: ReportedInstall, { distInfo, outcome }: Installed, willCreate: (id: string) => void): Collected {
  const what = describe(install);
  const key = keyOf(install, details);
  if (install.isYanked === false) forgetYanked(cache, key);
  // In a mixed set, what the cache itself gave to pip, too.
  if (cache.lookup(key)) return { outcome: 'exists' };
  const evidence = outcome.installed.get(distInfo);
  if (!evidence) return { outcome: 'skipped', what, why: 'this run of pip has not installed it' };
  const why = install.isWheel ? undefined : whyNotAsBuilt(install, details, outcome);
  if (why !== undefined) return { outcome: 'skipped', what, why };
  if (details.narrow.includes(normalName(install.name))) return { outcome: 'skipped', what, why: 'the request left out other builds of this version' };
  const claim = cache.claimEntry(key, 'background');
  if (!claim) return { outcome: 'skipped', what, why: 'another process is at it' };
  try {
    willCreate(entryId(key));
    return { outcome: 'created', local: snapshot(cache, key, details, install, distInfo, evidence) };
  } catch (error) {
    return { outcome: 'skipped', what, why: error instanceof Error ? error.message : String(error) };
  } finally {
    claim.release();
  }
}

/**
 * What is built from an sdist is a function of the key as far as builds ever are if it saw nothing but what it asked for: in an environment of
 * its own, or in one with nothing but pip, setuptools and wheel. Of a wheel in pip's own cache nobody knows that.
 */
function whyNotAsBuilt({ name }: ReportedInstall, { buildOptions }: CollectDetails, { built }: PipOutcome): string | undefined {
  if (buildOptions) return 'it was built with options';
  const how = [...built].find(([built]) => normalName(built) === normalName(name))?.[1];
  if (how === undefined) return 'pip took it from its own cache of what it has built, and does not say in what environment';
  if (how === 'constrained') return 'PIP_CONSTRAINT was set for what its build needs, too';
  return how === 'isolated' || how === 'bare' ? undefined : 'it was built where other packages could be seen';
}

function keyOf({ name, version, isWheel }: ReportedInstall, { platform, builtPlatform, origin }: CollectDetails): EntryKey {
  return pipKey(normalName(name), version, isWheel ? platform : builtPlatform, origin);
}

/**
 * The `.dist-info` directories in the target, and what setup.py leaves instead (`.egg-info`), by normal name and version. A directory's name is
 * what the builder of the wheel made of these; where it says nothing (`my-name-1.0_1.dist-info`), METADATA does.
 */
function findInfos({ layout }: CollectDetails): Map<string, string> {
  const found = new Map<string, string>();
  const unclear: [key: string, info: string][] = [];
  for (const lib of new Set([layout.actual.purelib, layout.actual.platlib])) {
    for (const name of listDir(lib)) {
      const parts = /^([^-]+)-([^-]+?)(?:-py[\d.]+)?\.(?:dist|egg)-info$/.exec(name);
      if (name.endsWith('.dist-info') && (!parts || canonicalVersion(parts[2] ?? '') === undefined)) unclear.push([keyInMetadata(join(lib, name)), name]);
      else if (parts && (name.endsWith('.dist-info') || !found.has(infoKey(parts[1] ?? '', parts[2] ?? '')))) found.set(infoKey(parts[1] ?? '', parts[2] ?? ''), name);
    }
  }
  for (const [key, info] of unclear) if (!found.has(key)) found.set(key, info);
  return found;
}

function keyInMetadata(info: string): string {
  try {
    const { name, version } = parseMetadata(readFileSync(join(info, 'METADATA'), 'utf8'));
    return infoKey(name, version);
  } catch {
    return '';
  }
}

function infoKey(name: string, version: string): string {
  return `${normalName(name)}==${canonicalVersion(version) ?? version}`;
}
