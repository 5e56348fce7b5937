import { realpathSync } from 'node:fs';
import { dirname, join, normalize, relative, resolve } from 'node:path';
import type { Closure, Wanted } from './closure.ts';
import type { InstallContext } from '../context.ts';
import type { PipManifest } from './entry.ts';
import { displayPath, scriptsNotOnPath, type Output } from './output.ts';
import type { Placement } from './place/place.ts';
import { evaluateMarker, formatMarker } from './recognise/markers.ts';
import { generateScripts } from './scripts.ts';
import type { Understood } from './understand.ts';
import { normalVersion } from './version.ts';

/** Where a served package came from: `(cached)` or `(store)`. */
export type SourceOf = (entry: PipManifest) => 'cached' | 'store';

type Served = Placement & { readonly wanted: Wanted };

/** With `-v`, pip begins by saying which pip it is (pip/_internal/utils/misc.py, get_pip_version); `--python` starts the one that links lead to. */
export function announcePip(output: Output, { request, python: { pip, facts } }: Understood): void {
  const directory = join(pip.directory, 'pip');
  const [major, minor] = facts.version;
  output.verbose(`Using pip ${pip.version} from ${request.python === undefined ? directory : realpathSync(directory)} (python ${major}.${minor})`);
}

/** pip's lines for requirements whose marker does not hold here. */
export function announceIgnored(output: Output, { request, python }: Understood): void {
  for (const { rawName, marker } of request.requirements) {
    if (!marker || evaluateMarker(marker, python.markers, [])) continue;
    output.info(`Ignoring ${rawName}: markers '${formatMarker(marker)}' don't match your environment`);
  }
}

/** pip's warnings about the request: what it says as it reads that, and what it says for each project that it looks for. */
export function announceWarnings(output: Output, { request: { warnings } }: Understood, served: readonly Served[]): void {
  for (const warning of [...warnings.once, ...served.flatMap(() => warnings.perProject)]) output.warning(warning);
}

/** pip's lines for what is installed already. */
export function announceSatisfied(output: Output, { wanted, satisfied }: Closure, cwd: string): void {
  for (const [name, dist] of satisfied) {
    const member = wanted.get(name);
    if (member) output.info(`Requirement already satisfied: ${describe(member)} in ${displayPath(dist.location, cwd)}${from(member)} (${dist.version})`);
  }
}

/** A line for each served package, in the order in which the user named them; their dependencies come last. */
export function announceHits(output: Output, { wanted }: Closure, served: readonly Served[], sourceOf: SourceOf): void {
  const order = [...wanted.keys()];
  const asked = [...served].sort((a, b) => order.indexOf(a.wanted.name) - order.indexOf(b.wanted.name));
  for (const { wanted: member, entry } of asked) {
    output.info(`Collecting ${describe(member)}${from(member)} (${sourceOf(entry.entry)})`);
    output.verbose(`  Using ${entry.entry.archive.filename} sha256=${entry.entry.archive.sha256} from ${entry.dir}`);
  }
}

/** With `-v`: why each requirement is a hit or not. */
export function explainMisses(output: Output, closure: Closure, sourceOf: SourceOf): void {
  for (const entry of closure.entries.values()) output.verbose(`pkg-cache: ${entry.key.name}==${entry.meta.version}: hit (${sourceOf(entry)})`);
  for (const { name, pin } of closure.missing) output.verbose(`pkg-cache: ${name}==${pin}: miss, neither in the local cache nor in the store`);
}

/** What pip says while it installs: the order, and what it had to uninstall. */
export function announceReplaced(output: Output, served: readonly Served[]): void {
  if (served.length === 0) return;
  output.info(`Installing collected packages: ${served.map(({ displayName }) => displayName).join(', ')}`);
  for (const { displayName, replaces } of served) {
    if (!replaces) continue;
    const found = `${rawName(replaces.info)}-${replaces.version}`;
    output.info(`  Attempting uninstall: ${displayName}`);
    output.info(`    Found existing installation: ${rawName(replaces.info)} ${replaces.version}`);
    output.info(`    Uninstalling ${found}:\n      Successfully uninstalled ${found}`);
  }
}

/** pip's last lines: warnings about scripts off PATH, the summary, and the warning to root. */
export function announceEnd(output: Output, served: readonly Served[], understood: Understood, context: InstallContext): void {
  warnAboutScripts(output, served, understood, context);
  announceSummary(output, served.map(summarise));
  warnRoot(output, understood, context);
}

/** A line of the summary. */
interface Installed {
  readonly name: string;
  readonly version: string;
}

function summarise({ displayName, entry }: Served): Installed {
  return { name: displayName, version: entry.entry.version };
}

/** Sorted by name as the user spelled it; versions in their normal form, whatever METADATA has. */
function announceSummary(output: Output, installed: readonly Installed[]): void {
  const items = [...installed].sort((a, b) => compare(a.name, b.name)).map(({ name, version }) => `${name}-${normalVersion(version) ?? version}`);
  if (items.length > 0) output.info(`Successfully installed ${items.join(' ')}`);
}

function warnAboutScripts(output: Output, served: readonly Served[], understood: Understood, context: InstallContext): void {
  const { request, python } = understood;
  if (request.noWarnScriptLocation || request.target !== undefined || request.prefix !== undefined) return;
  const directory = scriptsAsShown(understood, context.cwd);
  // pip does not warn where the interpreter itself is: an environment that is used without being activated.
  if (normalize(directory) === normalize(dirname(python.interpreter.executable))) return;
  const path = (context.env['PATH'] ?? '').split(':').map((entry) => normalize(entry).replace(/(?<=.)\/+$/, '')).join(':');
  const [major, minor] = python.facts.version;
  for (const { entry } of served) {
    const { consoleScripts } = entry.entry.meta;
    const names = generateScripts(consoleScripts, [], { executable: '', platform: '', template: '', pythonVersion: [major, minor] }).map(({ name }) => name);
    const warning = scriptsNotOnPath(names, directory, path);
    if (warning !== undefined) output.warning(warning, 2);
  }
}

/** pip puts `--root` in front as it was given, and a relative one stays so (pip/_internal/locations/base.py, change_root). */
function scriptsAsShown({ request: { root }, layoutOf }: Understood, cwd: string): string {
  const { scripts } = layoutOf('').actual;
  if (root === undefined) return scripts;
  return `${root}${root === '' || root.endsWith('/') ? '' : '/'}${relative(resolve(cwd, root), scripts)}`;
}

function warnRoot(output: Output, { request, python }: Understood, context: InstallContext): void {
  const inVenv = python.interpreter.venv !== undefined;
  if (request.rootUserAction === 'warn' && context.owner.uid === 0 && !inVenv) output.warning(python.pip.rootWarning);
}

function describe({ requirement, displayName, pin }: Wanted): string {
  return requirement.line === '' ? `${displayName}==${pin}` : requirement.line;
}

function from({ requirement, dependencyOf }: Wanted): string {
  const source = requirement.comesFrom === '' ? dependencyOf : requirement.comesFrom;
  return source === undefined ? '' : ` (from ${source})`;
}

function rawName(info: string): string {
  return info.slice(0, info.indexOf('-'));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
