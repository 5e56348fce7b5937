import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { listDir } from '../cache/sweep.ts';
import { binsOf, isBin } from './bins.ts';
import type { TreeMeta } from './entry.ts';
import type { Report } from './inside/plan.ts';
import { HIDDEN_LOCKFILE, comesInBundle, hasCredentials, isInstalled, leftOutOf, parseLock, type Lock } from './lockfile.ts';
import type { Project } from './project.ts';
import type { NpmRequest } from './recognise/request.ts';
import { scriptPolicy } from './script-policy.ts';
import { whyNotTrusted } from './trust.ts';

/** What npm made of a project, as it says itself in its hidden lockfile, and the links that it made. */
export interface Captured extends Omit<TreeMeta, 'unsupported'> {
  /** The text of the hidden lockfile. */
  readonly hidden: string;
}

/** Why a tree is not captured. */
export interface NotCaptured {
  readonly whyNot: string;
}

/**
 * Looks at what npm has just left, before anybody else can change it. Says why not for a tree that is not put together from registry
 * packages and links alone, with bins that are not npm's, where it is not known which packages' install scripts have run, and where
 * something is absent that npm would have elsewhere.
 */
export function captureTree(project: Project, request: NpmRequest, report: Report | undefined): Captured | NotCaptured {
  const { directory, lock } = project;
  const text = readFileSync(join(directory, HIDDEN_LOCKFILE), 'utf8');
  // A dependency of a workspace, say, that was left out here.
  if (hasCredentials(text)) return whyNot('there are credentials in its lockfile');
  const hidden = parseLock(text);
  const packages: [string, string][] = [];
  const links: [string, string][] = [];
  for (const [location, entry] of hidden.packages) {
    if (JSON.stringify(entry) !== JSON.stringify(lock.packages.get(location))) return whyNot(`${location} is another one than in the lockfile`);
    if (!isInstalled(location) || comesInBundle(location, hidden.packages)) continue;
    if (entry.hasInstallScript === true && !request.ignoreScripts && !report) return whyNot('nobody has seen which install scripts ran');
    if (entry.link === true) links.push([location, readlinkSync(join(directory, location))]);
    else if (entry.integrity !== undefined && isFromRegistry(entry.resolved)) packages.push([location, entry.integrity]);
    else return whyNot(`${location} is not from a registry`);
  }
  packages.sort(([a], [b]) => (a < b ? -1 : 1));
  const run = (report?.scripts ?? []).filter(({ location }) => hidden.packages.has(location));
  const failed = run.find(({ ended }) => ended === undefined);
  if (failed) return whyNot(`a script of ${failed.location} failed`);
  const built = [...new Set(run.map(({ location }) => location))].sort();
  const bins = readBins(directory, hidden);
  if (!bins) return whyNot('there are bins that npm has not made');
  const empty = [...leftOutOf(lock, hidden)].filter((path) => isEmptyDirectory(join(directory, path))).sort();
  const captured = { packages, links, bins, built, unreviewed: report?.unreviewed ?? [], ...(empty.length > 0 && { empty }) };
  const odd = whyNotTrusted({ ...captured, unsupported: [] }, hidden, scriptPolicy(project), request);
  return odd === undefined ? { hidden: text, ...captured } : whyNot(odd);
}

function whyNot(why: string): NotCaptured {
  return { whyNot: why };
}

function isEmptyDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true && readdirSync(path).length === 0;
}

/** A registry's tarball; also where the lockfile does not say where from, because it leaves that out for registries. */
function isFromRegistry(resolved: string | undefined): boolean {
  return resolved === undefined || /^https?:\/\/[^/?#@]+\/[^?#]*\.tgz$/.test(resolved);
}

/** Undefined where there is something in `.bin` that npm has not put there. */
function readBins(directory: string, hidden: Lock): [string, string][] | undefined {
  const expected = binsOf(hidden);
  const paths = [...expected.keys()].sort().flatMap((holder) => listDir(join(directory, holder)).map((name) => `${holder}/${name}`));
  const links = paths.filter((path) => lstatSync(join(directory, path)).isSymbolicLink()).map((path): [string, string] => [path, readlinkSync(join(directory, path))]);
  return links.length === paths.length && links.every(([path, target]) => isBin(expected, path, target)) ? links : undefined;
}
