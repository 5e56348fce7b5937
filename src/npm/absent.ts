import satisfies from 'semver/functions/satisfies.js';
import { edgesOf, type Edge } from './edges.ts';
import { comesInBundle, type Lock, type LockPackage } from './lockfile.ts';
import { fitsPlatform } from './platform.ts';
import type { NpmRequest } from './recognise/request.ts';

/**
 * A package of a lockfile that npm would have installed here, and that is absent from the hidden lockfile; undefined if there is none. What npm
 * leaves out for good reason: what is omitted, optional packages that do not fit this machine, and what is only there for those. An optional
 * package that could not be fetched or built is absent as well, but that was one worker's accident.
 */
export function missingFrom(hidden: Lock, lock: Lock, request: NpmRequest): string | undefined {
  const absent = [...lock.packages].filter(([location]) => location !== '' && !hidden.packages.has(location) && !comesInBundle(location, lock.packages));
  const unexplained = absent.filter(([, entry]) => !isOmitted(entry, request) && !(entry.optional === true && !fits(entry, request)));
  if (unexplained.length === 0) return undefined;
  const leftOut = leftOutWith(absent.flatMap(([location, entry]) => (entry.optional === true && !fits(entry, request) ? [location] : [])), lock);
  return unexplained.find(([location]) => !leftOut.has(location))?.[0];
}

/** arborist's node.js, `shouldOmit`. What is extraneous `npm ci` leaves out anyway. */
function isOmitted({ dev, optional, devOptional, peer, extraneous }: LockPackage, { omit }: NpmRequest): boolean {
  return extraneous === true || (dev === true && omit.has('dev')) || (optional === true && omit.has('optional')) || (peer === true && omit.has('peer')) || (devOptional === true && omit.has('dev') && omit.has('optional'));
}

/** Whether npm finds an optional package fit for this machine, Node and npm (npm-install-checks). */
function fits(entry: LockPackage, request: NpmRequest): boolean {
  return fitsPlatform(entry, request) && supports(entry, request);
}

/** npm-install-checks, `checkEngine`. */
export function supports({ engines }: LockPackage, { npmVersion, nodeVersion }: Pick<NpmRequest, 'npmVersion' | 'nodeVersion'>): boolean {
  if (typeof engines !== 'object' || engines === null) return true;
  const { node, npm } = engines as { node?: unknown; npm?: unknown };
  const met = (range: unknown, version: string): boolean => typeof range !== 'string' || range === '' || satisfies(version, range, { includePrerelease: true });
  return met(node, nodeVersion) && met(npm, npmVersion);
}

/** What goes with packages that do not fit, by location: all that npm takes out of the tree with any of them (arborist, optional-set.js). */
function leftOutWith(unfit: readonly string[], lock: Lock): Set<string> {
  const edges = edgesOf(lock);
  const leftOut = new Set<string>();
  for (const location of unfit) for (const each of optionalSet(location, edges)) leftOut.add(each);
  return leftOut;
}

interface Edges {
  readonly from: ReadonlyMap<string, readonly Edge[]>;
  readonly to: ReadonlyMap<string, readonly Edge[]>;
}

/** Those that cannot do without it, up to where it is optional; and the dependencies of all these that nobody else needs. */
function optionalSet(location: string, { from, to }: Edges): Set<string> {
  const needing = new Set([location]);
  for (const each of needing) for (const edge of to.get(each) ?? []) if (!edge.optional) needing.add(edge.from);
  const all = new Set(needing);
  for (const each of all) for (const edge of from.get(each) ?? []) all.add(edge.to);
  // npm 10 takes out as well what others only want optionally.
  for (let changed = true; changed; ) {
    changed = false;
    for (const each of all) {
      if (needing.has(each) || (to.get(each) ?? []).every((edge) => edge.optional || all.has(edge.from))) continue;
      all.delete(each);
      changed = true;
    }
  }
  return all;
}
