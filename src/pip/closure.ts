import type { InstalledDistribution, InstalledView } from './installed.ts';
import { readInstalledMetadata } from './installed.ts';
import type { PipManifest } from './entry.ts';
import { evaluateMarker, type MarkerEnvironment } from './recognise/markers.ts';
import { parseRequirement, type ParsedRequirement } from './recognise/requirement.ts';
import type { Request, Requirement } from './recognise/request.ts';
import { canonicalVersion, satisfies } from './version.ts';

/** One distribution of the set that a request asks for. */
export interface Wanted {
  /** PEP 503 normal form. */
  readonly name: string;
  /** As pip prints it: the user's spelling, else that of the dependency. */
  readonly displayName: string;
  readonly pin: string;
  /** Named by the user, so that pip would write REQUESTED. */
  readonly requested: boolean;
  /** The requirement that `pin` came from, for messages and hashes. */
  readonly requirement: Requirement;
  readonly extras: Set<string>;
  /** What a dependency asked for, if no user did: `Jinja2>=3.1.2`, from `flask==3.0`. */
  readonly dependencyOf?: string;
}

/** Why a set is left to the real resolver. */
export class NotClosed extends Error {
  override readonly name = 'NotClosed';
}

/** What the walk over the set needs to know. */
export interface ClosureContext {
  readonly request: Request;
  readonly markers: MarkerEnvironment;
  readonly installed: InstalledView;
  /** The entry for a wanted distribution, or undefined if it has to come from elsewhere. */
  readonly find: (wanted: Wanted) => PipManifest | undefined;
}

/** The set that a request asks for, with what is known about each member. */
export interface Closure {
  readonly wanted: ReadonlyMap<string, Wanted>;
  readonly entries: ReadonlyMap<string, PipManifest>;
  /** Wanted, and installed in exactly that version. */
  readonly satisfied: ReadonlyMap<string, InstalledDistribution>;
  /** Wanted, and neither installed nor found. */
  readonly missing: readonly Wanted[];
  /** Who depends on whom, by normal names; the user's own requirements hang on `null`. */
  readonly graph: ReadonlyMap<string | null, ReadonlySet<string>>;
}

/**
 * Takes the set apart: the user's requirements, and what they depend on by the entries' own metadata, as far as constraints pin it.
 * Throws NotClosed when the real resolver would have to decide anything: an open requirement, a dependency outside of the set that is
 * not installed, a pin that another requirement or constraint forbids, a Python that is not supported, a conflict with what stays installed.
 */
export function closeSet(context: ClosureContext): Closure {
  const walk = new Walk(context);
  for (const requirement of context.request.requirements) walk.addRequested(requirement);
  walk.run();
  return walk.result();
}

class Walk {
  readonly #context: ClosureContext;
  readonly #constraints: ReadonlyMap<string, readonly Requirement[]>;
  readonly #wanted = new Map<string, Wanted>();
  readonly #entries = new Map<string, PipManifest>();
  readonly #satisfied = new Map<string, InstalledDistribution>();
  readonly #missing = new Map<string, Wanted>();
  readonly #graph = new Map<string | null, Set<string>>([[null, new Set()]]);
  readonly #visitedInstalled = new Set<string>();
  readonly #queue: { name: string; extras: readonly string[] }[] = [];

  constructor(context: ClosureContext) {
    this.#context = context;
    const applicable = context.request.constraints.filter((c) => !c.marker || evaluateMarker(c.marker, context.markers, []));
    this.#constraints = groupByName(applicable);
  }

  addRequested(requirement: Requirement): void {
    const { markers } = this.#context;
    if (requirement.marker && !evaluateMarker(requirement.marker, markers, [])) return;
    if (requirement.unsupported !== undefined) throw new NotClosed(`${requirement.line}: ${requirement.unsupported}`);
    this.#graph.get(null)?.add(requirement.name);
    const pin = requirement.pin ?? this.#constraintPin(requirement.name);
    if (pin === undefined) throw new NotClosed(`${requirement.line} is not pinned`);
    this.#want({ name: requirement.name, displayName: requirement.rawName, pin, requested: true, requirement, extras: new Set() }, requirement.extras);
  }

  run(): void {
    for (let next = this.#queue.pop(); next; next = this.#queue.pop()) {
      if (!this.#context.request.noDeps) this.#expand(next.name, next.extras);
    }
    this.#checkPythonRequirements();
    this.#checkInstalledDependents();
  }

  result(): Closure {
    return {
      wanted: this.#wanted,
      entries: this.#entries,
      satisfied: this.#satisfied,
      missing: [...this.#missing.values()],
      graph: this.#graph,
    };
  }

  #constraintPin(name: string): string | undefined {
    return this.#constraints.get(name)?.find((constraint) => constraint.pin !== undefined)?.pin;
  }

  #want(wanted: Wanted, extras: readonly string[]): void {
    const known = this.#wanted.get(wanted.name);
    if (known) this.#assertSamePin(known, wanted);
    else this.#admit(wanted);
    const member = known ?? wanted;
    const added = extras.filter((extra) => !member.extras.has(extra));
    for (const extra of added) member.extras.add(extra);
    if (!known || added.length > 0) this.#queue.push({ name: wanted.name, extras: [...member.extras] });
  }

  #assertSamePin(known: Wanted, again: Wanted): void {
    if (canonicalVersion(known.pin) === canonicalVersion(again.pin) && known.requirement.specifiers === again.requirement.specifiers) return;
    throw new NotClosed(`${again.displayName} is asked for twice, as ${known.requirement.line} and ${again.requirement.line}`);
  }

  #admit(wanted: Wanted): void {
    for (const constraint of this.#constraints.get(wanted.name) ?? []) {
      if (constraint.unsupported !== undefined) throw new NotClosed(`the constraint ${constraint.line}: ${constraint.unsupported}`);
      if (!satisfies(wanted.pin, constraint.specifiers, { prereleases: true })) {
        throw new NotClosed(`${wanted.name}==${wanted.pin} is outside of the constraint ${constraint.line}`);
      }
    }
    if (!satisfies(wanted.pin, wanted.requirement.specifiers, { prereleases: true })) {
      throw new NotClosed(`${wanted.name}==${wanted.pin} does not meet ${wanted.requirement.line}`);
    }
    this.#wanted.set(wanted.name, wanted);
    this.#graph.set(wanted.name, new Set());
    const installed = this.#context.installed.get(wanted.name);
    if (installed && satisfies(installed.version, wanted.requirement.specifiers || `==${wanted.pin}`, { prereleases: true })) {
      this.#satisfied.set(wanted.name, installed);
      return;
    }
    const entry = this.#context.find(wanted);
    if (entry) this.#entries.set(wanted.name, entry);
    else this.#missing.set(wanted.name, wanted);
  }

  #expand(name: string, extras: readonly string[]): void {
    const installed = this.#satisfied.get(name);
    if (installed) return this.#expandInstalled(installed, extras);
    const entry = this.#entries.get(name);
    // What is missing keeps its dependencies to itself until the real pip has fetched it.
    if (entry) this.#addDependencies(name, entry.meta.requiresDist, extras, `${name}==${entry.meta.version}`);
  }

  #expandInstalled(dist: InstalledDistribution, extras: readonly string[]): void {
    const visit = `${dist.name}[${extras.join()}]`;
    if (this.#visitedInstalled.has(visit)) return;
    this.#visitedInstalled.add(visit);
    const metadata = readInstalledMetadata(dist);
    if (!metadata) throw new NotClosed(`the metadata of the installed ${dist.name} cannot be read`);
    this.#addDependencies(dist.name, metadata.requiresDist, extras, `${dist.name}==${dist.version}`);
  }

  #addDependencies(parent: string, requiresDist: readonly string[], extras: readonly string[], from: string): void {
    for (const text of requiresDist) {
      const dependency = parseRequirement(text);
      if (dependency.marker && !evaluateMarker(dependency.marker, this.#context.markers, extras)) continue;
      if (dependency.url !== undefined) throw new NotClosed(`${from} depends on a URL (${dependency.name})`);
      this.#graph.get(parent)?.add(dependency.name);
      this.#depend(dependency, from);
    }
  }

  #depend(dependency: ParsedRequirement, from: string): void {
    const member = this.#wanted.get(dependency.name);
    const wish = `${dependency.rawName}${dependency.specifiers}`;
    if (member) {
      if (!satisfies(member.pin, dependency.specifiers, { prereleases: true })) {
        throw new NotClosed(`${from} needs ${wish}, and the set has ${member.pin}`);
      }
      return this.#want(member, dependency.extras);
    }
    const installed = this.#context.installed.get(dependency.name);
    if (installed) return this.#dependOnInstalled(installed, dependency, from);
    const pin = this.#constraintPin(dependency.name) ?? exactPin(dependency.specifiers);
    if (pin === undefined) throw new NotClosed(`${from} needs ${wish}, which is neither in the set nor installed`);
    this.#want(
      { name: dependency.name, displayName: dependency.rawName, pin, requested: false, requirement: asRequirement(dependency, pin), extras: new Set(), dependencyOf: from },
      dependency.extras,
    );
  }

  #dependOnInstalled(installed: InstalledDistribution, dependency: ParsedRequirement, from: string): void {
    const allowed = [dependency.specifiers, ...(this.#constraints.get(installed.name) ?? []).map((constraint) => constraint.specifiers)];
    if (!allowed.every((specifiers) => satisfies(installed.version, specifiers, { prereleases: true }))) {
      throw new NotClosed(`${from} needs ${dependency.rawName}${dependency.specifiers}, and ${installed.version} is installed`);
    }
    this.#graph.set(installed.name, this.#graph.get(installed.name) ?? new Set());
    this.#expandInstalled(installed, dependency.extras);
  }

  #checkPythonRequirements(): void {
    if (this.#context.request.ignoreRequiresPython) return;
    const python = this.#context.markers.python_full_version;
    for (const entry of this.#entries.values()) {
      const { requiresPython } = entry.meta;
      if (requiresPython !== undefined && !satisfies(python, requiresPython, { prereleases: true })) {
        throw new NotClosed(`${entry.key.name}==${entry.meta.version} needs Python ${requiresPython}`);
      }
    }
  }

  /** pip warns about installed distributions that the new set breaks; so that it can, it gets to do the work. */
  #checkInstalledDependents(): void {
    const { installed, markers, request } = this.#context;
    if (request.noDeps || request.noWarnConflicts) return;
    for (const dist of installed.values()) {
      if (this.#wanted.has(dist.name)) continue;
      for (const text of readInstalledMetadata(dist)?.requiresDist ?? []) {
        const dependency = parseRequirement(text);
        const member = this.#wanted.get(dependency.name);
        if (!member || this.#satisfied.has(dependency.name)) continue;
        if (dependency.marker && !evaluateMarker(dependency.marker, markers, [])) continue;
        if (!satisfies(member.pin, dependency.specifiers, { prereleases: true })) {
          throw new NotClosed(`the installed ${dist.name} ${dist.version} needs ${dependency.rawName}${dependency.specifiers}`);
        }
      }
    }
  }
}

function groupByName(requirements: readonly Requirement[]): Map<string, Requirement[]> {
  const groups = new Map<string, Requirement[]>();
  for (const requirement of requirements) groups.set(requirement.name, [...(groups.get(requirement.name) ?? []), requirement]);
  return groups;
}

/** A dependency may pin by itself: `foo-core==1.2`. */
function exactPin(specifiers: string): string | undefined {
  return /^==([^=,*]+)$/.exec(specifiers)?.[1];
}

function asRequirement(dependency: ParsedRequirement, pin: string): Requirement {
  return {
    name: dependency.name,
    rawName: dependency.rawName,
    extras: dependency.extras,
    specifiers: dependency.specifiers,
    pin,
    hashes: {},
    comesFrom: '',
    line: `${dependency.rawName}${dependency.specifiers}`,
  };
}
