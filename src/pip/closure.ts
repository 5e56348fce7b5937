import type { InstalledDistribution, InstalledView } from './installed.ts';
import { readInstalledMetadata, readRequirements } from './installed.ts';
import type { PipManifest, PipMeta } from './entry.ts';
import { extraOfManySpellings, unknownExtra } from './extras.ts';
import { evaluateMarker, type MarkerEnvironment } from './recognise/markers.ts';
import { parseRequirement, type ParsedRequirement } from './recognise/requirement.ts';
import type { Request, Requirement } from './recognise/request.ts';
import { canonicalVersion, compareVersions, satisfies } from './version.ts';

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
  /** The version of the pip that was called: what it accepts, and how it compares names. */
  readonly pip: string;
  readonly installed: InstalledView;
  /** What the interpreter sees, also where none of it counts as installed: pip warns about what a new set breaks there. */
  readonly environment: InstalledView;
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
  /** Who depends on whom, by `nodeOf`; the user's own requirements hang on `null`. */
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
  /** Extras as they were asked for, by the normal name of the distribution. */
  readonly #spellings = new Map<string, Set<string>>();

  constructor(context: ClosureContext) {
    this.#context = context;
    const applicable = context.request.constraints.filter((c) => !c.marker || evaluateMarker(c.marker, context.markers, []));
    this.#constraints = groupByName(applicable);
  }

  addRequested(requirement: Requirement): void {
    const { markers } = this.#context;
    if (requirement.marker && !evaluateMarker(requirement.marker, markers, [])) return;
    if (requirement.unsupported !== undefined) throw new NotClosed(`${requirement.line}: ${requirement.unsupported}`);
    this.#graph.get(null)?.add(nodeOf(requirement));
    this.#noteSpellings(requirement);
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
    for (const extra of extras) member.extras.add(extra);
    if (!known) this.#queue.push({ name: wanted.name, extras: [] });
    if (!this.#graph.has(nodeOf({ name: wanted.name, extras }))) this.#enqueueExtras(wanted.name, extras);
  }

  /** To pip, a distribution with extras is one of its own, which depends on the one without. */
  #enqueueExtras(name: string, extras: readonly string[]): void {
    this.#graph.set(nodeOf({ name, extras }), new Set([name]));
    this.#queue.push({ name, extras });
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
    const installed = this.#installed(wanted.name);
    if (installed && this.#isKept(installed.version, wanted)) {
      this.#satisfied.set(wanted.name, installed);
      return;
    }
    const entry = this.#context.find(wanted);
    if (entry) assertArbitrary(wanted, entry);
    if (!entry) return void this.#missing.set(wanted.name, wanted);
    this.#assertAccepted(entry);
    this.#entries.set(wanted.name, entry);
    this.#dependOnPython(entry);
  }

  #installed(name: string): InstalledDistribution | undefined {
    const dist = this.#context.installed.get(name);
    if (dist === undefined) return undefined;
    if (dist.others !== undefined) throw new NotClosed(`${name} is installed more than once in ${dist.location}`);
    if (canonicalVersion(dist.version) === undefined) throw new NotClosed(`${dist.info} in ${dist.location} does not tell the version of ${name}`);
    return dist;
  }

  /**
   * Since 24.1 pip refuses a candidate of which any `Requires-Dist` is invalid, also with `--no-deps`
   * (pip/_internal/resolution/resolvelib/candidates.py, _check_metadata_consistency).
   */
  #assertAccepted({ meta }: PipManifest): void {
    if (compareVersions(this.#context.pip, '24.1') >= 0) meta.requiresDist.forEach(parseRequirement);
  }

  /** To pip, `Requires-Python` is a dependency, also with `--no-deps`: what has none is installed before what has one. */
  #dependOnPython({ key, meta }: PipManifest): void {
    if (this.#context.request.ignoreRequiresPython || (meta.requiresPython ?? '').trim() === '') return;
    this.#graph.set(PYTHON, new Set());
    this.#graph.get(key.name)?.add(PYTHON);
  }

  /** pip keeps an installed version that meets requirement and constraints; an installed `1.0+local` meets `==1.0`. */
  #isKept(version: string, { name, pin, requirement }: Wanted): boolean {
    const specifiers = [requirement.specifiers, ...(this.#constraints.get(name) ?? []).map((constraint) => constraint.specifiers), `==${pin}`];
    return specifiers.every((each) => each === '' || satisfies(version, each, { prereleases: true }));
  }

  #expand(name: string, extras: readonly string[]): void {
    const installed = this.#satisfied.get(name);
    if (installed) return this.#expandInstalled(installed, extras);
    const entry = this.#entries.get(name);
    // What is missing keeps its dependencies to itself until the real pip has fetched it.
    if (!entry) return;
    this.#assertExtras(name, entry.meta, extras, `${name}==${entry.meta.version}`);
    this.#addDependencies(nodeOf({ name, extras }), entry.meta.requiresDist, extras, `${name}==${entry.meta.version}`);
  }

  #noteSpellings({ name, rawExtras }: Pick<Requirement, 'name' | 'rawExtras'>): void {
    const known = this.#spellings.get(name);
    if (known) for (const extra of rawExtras) known.add(extra);
    else this.#spellings.set(name, new Set(rawExtras));
  }

  #assertExtras(name: string, meta: Pick<PipMeta, 'requiresDist' | 'providesExtra'>, extras: readonly string[], from: string): void {
    if (extras.length === 0) return;
    const unknown = unknownExtra(meta, extras);
    if (unknown !== undefined) throw new NotClosed(`${from} has no extra ${unknown} that is known of`);
    if (compareVersions(this.#context.pip, '24.1') >= 0) return;
    const spelled = extraOfManySpellings(meta, [...(this.#spellings.get(name) ?? [])]);
    if (spelled !== undefined) throw new NotClosed(`pip ${this.#context.pip} compares the extra ${spelled} of ${from} as it is written`);
  }

  #expandInstalled(dist: InstalledDistribution, extras: readonly string[]): void {
    const node = nodeOf({ name: dist.name, extras });
    if (this.#visitedInstalled.has(node)) return;
    this.#visitedInstalled.add(node);
    const metadata = readInstalledMetadata(dist);
    if (!metadata) throw new NotClosed(`the metadata of the installed ${dist.name} cannot be read`);
    this.#assertExtras(dist.name, metadata, extras, `${dist.name}==${dist.version}`);
    this.#addDependencies(node, metadata.requiresDist, extras, `${dist.name}==${dist.version}`);
  }

  #addDependencies(parent: string, requiresDist: readonly string[], extras: readonly string[], from: string): void {
    for (const text of requiresDist) {
      const dependency = parseRequirement(text);
      if (dependency.marker && !evaluateMarker(dependency.marker, this.#context.markers, extras)) continue;
      if (dependency.url !== undefined) throw new NotClosed(`${from} depends on a URL (${dependency.name})`);
      this.#graph.get(parent)?.add(nodeOf(dependency));
      this.#depend(dependency, from);
    }
  }

  #depend(dependency: ParsedRequirement, from: string): void {
    this.#noteSpellings(dependency);
    const member = this.#wanted.get(dependency.name);
    const wish = `${dependency.rawName}${dependency.specifiers}`;
    if (member) {
      if (!satisfies(member.pin, dependency.specifiers, { prereleases: true })) {
        throw new NotClosed(`${from} needs ${wish}, and the set has ${member.pin}`);
      }
      return this.#want(member, dependency.extras);
    }
    const installed = this.#installed(dependency.name);
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
    for (const extras of [[], dependency.extras]) {
      const node = nodeOf({ name: installed.name, extras });
      if (!this.#graph.has(node)) this.#graph.set(node, new Set(extras.length === 0 ? [] : [installed.name]));
      this.#expandInstalled(installed, extras);
    }
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

  /**
   * pip warns about every unmet dependency of the installed distributions that depend on something new (pip/_internal/operations/check.py,
   * check_install_conflicts); so that it can, it gets to do the work.
   */
  #checkInstalledDependents(): void {
    const { environment, request } = this.#context;
    if (request.noDeps || request.noWarnConflicts) return;
    for (const dist of environment.values()) {
      if (this.#isNew(dist.name)) continue;
      const dependencies = this.#dependenciesOf(dist);
      const unmet = dependencies.find((dependency) => !this.#isMet(dependency));
      if (unmet) throw new NotClosed(`the installed ${dist.name} ${dist.version} needs ${unmet.rawName}${unmet.specifiers}`);
    }
  }

  #isNew(name: string): boolean {
    return this.#wanted.has(name) && !this.#satisfied.has(name);
  }

  /** What a distribution needs, if that includes something new. */
  #dependenciesOf(dist: InstalledDistribution): ParsedRequirement[] {
    const all = this.#parseInstalled(dist);
    if (!all.some(({ name }) => this.#isNew(name))) return [];
    const dependencies = all.filter(({ marker }) => !marker || evaluateMarker(marker, this.#context.markers, []));
    return dependencies.some(({ name }) => this.#isNew(name)) ? dependencies : [];
  }

  /** What an installed distribution needs. pip warns about one whose requirements cannot be read, each time that it looks for conflicts. */
  #parseInstalled(dist: InstalledDistribution): ParsedRequirement[] {
    return readRequirements(dist).map((text) => {
      try {
        return parseRequirement(text);
      } catch (error) {
        throw new NotClosed(`pip warns about the installed ${dist.name} ${dist.version}, which needs ${JSON.stringify(text)}`, { cause: error });
      }
    });
  }

  #isMet({ name, specifiers }: ParsedRequirement): boolean {
    const installed = this.#context.environment.get(name);
    const versions = this.#isNew(name) ? [this.#wanted.get(name)?.pin] : [installed, ...(installed?.others ?? [])].map((dist) => dist?.version);
    return versions.every((version) => version !== undefined && satisfies(version, specifiers, { prereleases: true }));
  }
}

/** `===1.0` is met by 1.0, but not by the 1.0.0 that is kept under the same key. */
function assertArbitrary({ requirement: { specifiers, line } }: Wanted, { meta }: PipManifest): void {
  if (!specifiers.includes('===') || satisfies(meta.version, specifiers, { prereleases: true })) return;
  throw new NotClosed(`what is cached is ${meta.version}, which does not meet ${line}`);
}

/** The node of the interpreter, as pip calls it. */
const PYTHON = '<Python from Requires-Python>';

/** A node of the graph: a normal name, with extras where there are some. */
function nodeOf({ name, extras }: { readonly name: string; readonly extras: readonly string[] }): string {
  return extras.length === 0 ? name : `${name}[${extras.join()}]`;
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
    rawExtras: dependency.rawExtras,
    specifiers: dependency.specifiers,
    pin,
    hashes: {},
    comesFrom: '',
    line: `${dependency.rawName}${dependency.specifiers}`,
  };
}
