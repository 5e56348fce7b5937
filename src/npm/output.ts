import { format } from 'node:util';
import { comesInBundle, nameAt, isInstalled, type Lock, type LockPackage } from './lockfile.ts';
import type { TreeMeta } from './entry.ts';
import type { NpmRequest } from './recognise/request.ts';
import { plainText } from './recognise/warnings.ts';

export interface OutputContext {
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}

/** Levels of `loglevel` at which npm says no more than what is written here. */
const PLAIN_LEVELS = new Set(['silent', 'error', 'warn', 'notice']);

/** Why what npm would print cannot be told, or undefined. */
export function whyNotPrinted({ loglevel, json }: NpmRequest): string | undefined {
  if (json) return 'the output is JSON';
  return PLAIN_LEVELS.has(loglevel) ? undefined : `loglevel ${loglevel}`;
}

/** What there is to say about a tree. */
export interface Summary {
  /** How many packages it has. */
  readonly added: number;
  /** How many of them ask for money. */
  readonly funded: number;
  /** Each is `name@version`. */
  readonly deprecated: readonly (readonly [id: string, text: string])[];
  readonly unsupported: readonly (readonly [id: string, engines: unknown])[];
  readonly unreviewed: TreeMeta['unreviewed'];
}

/** What npm says about a tree: by the project's lockfile and the hidden one, and by what npm itself was seen to say. */
export function summarise(lock: Lock, { packages }: Lock, { unsupported, unreviewed }: Pick<TreeMeta, 'unsupported' | 'unreviewed'>): Summary {
  const idOf = (location: string, { name, version }: LockPackage): string => `${name ?? nameAt(location)}@${version ?? ''}`;
  return {
    // What came in a bundle was not in the tree that npm set out to make.
    added: [...packages.keys()].filter((location) => isInstalled(location) && !comesInBundle(location, packages)).length,
    // libnpmfund, `readTree` with `countOnly`: packages with a funding URL, each version once.
    funded: new Set([...packages].filter(([, { funding }]) => hasFunding(funding)).map(([location, entry]) => idOf(location, entry))).size,
    deprecated: [...packages].flatMap(([location, entry]): [string, string][] => (typeof entry.deprecated === 'string' ? [[idOf(location, entry), entry.deprecated]] : [])),
    unsupported: unsupported.map((location) => [idOf(location, lock.packages.get(location) ?? {}), lock.packages.get(location)?.engines]),
    unreviewed,
  };
}

/** What npm says when an install has been done, as lib/utils/reify-output.js puts it. Without an audit, which would need the network. */
export function announce(request: NpmRequest, { added, funded, deprecated, unsupported, unreviewed }: Summary, { elapsed, ...sources }: Sources & { elapsed: number }, context: OutputContext): void {
  const { loglevel, fund, warnings } = request;
  if (loglevel === 'silent') return;
  if (loglevel !== 'error') {
    for (const warning of warnings) context.printError(plainText(warning));
    for (const [id, engines] of unsupported) context.printError(plainText({ level: 'warn', title: 'EBADENGINE', text: engineWarning(id, engines, request) }));
    for (const [id, text] of deprecated) context.printError(plainText({ level: 'warn', title: 'deprecated', text: `${id}: ${text}` }));
  }
  const what = added === 0 ? 'up to date' : `added ${added} package${added === 1 ? '' : 's'}`;
  context.print(`\n${what} in ${duration(elapsed)}\n`);
  announceSources(request, sources, context);
  if (fund && funded > 0) context.print(`\n${funded} package${funded === 1 ? ' is' : 's are'} looking for funding\n  run \`npm fund\` for details\n`);
  if (loglevel !== 'error') for (const [title, text] of unreviewed) context.printError(plainText({ level: 'warn', title, text }));
}

/** How many packages came from where. */
export interface Sources {
  readonly fromCache: number;
  readonly fromStore: number;
}

/** One line about where packages came from, if any came from us, and if it is not in the way. */
export function announceSources({ loglevel, json }: NpmRequest, { fromCache, fromStore }: Sources, { print }: Pick<OutputContext, 'print'>): void {
  const sources = [...(fromCache > 0 ? [`${fromCache} from the cache`] : []), ...(fromStore > 0 ? [`${fromStore} from the store`] : [])];
  if (sources.length > 0 && loglevel !== 'silent' && !json) print(`pkg-cache: ${sources.join(', ')}\n`);
}

/** arborist logs an error of npm-install-checks, `checkEngine`, as text and object. */
function engineWarning(id: string, engines: unknown, { nodeVersion, npmVersion }: NpmRequest): string {
  return format('Unsupported engine', { package: id, required: engines, current: { node: nodeVersion, npm: npmVersion } });
}

function hasFunding(funding: unknown): boolean {
  if (Array.isArray(funding)) return funding.some(hasFunding);
  const url = typeof funding === 'string' ? funding : (funding as { url?: unknown } | undefined)?.url;
  return typeof url === 'string' && /^https?:\/\//.test(url);
}

/** The package `ms`, in its short form. */
function duration(milliseconds: number): string {
  if (milliseconds >= 3_600_000) return `${Math.round(milliseconds / 3_600_000)}h`;
  if (milliseconds >= 60_000) return `${Math.round(milliseconds / 60_000)}m`;
  return milliseconds >= 1000 ? `${Math.round(milliseconds / 1000)}s` : `${Math.round(milliseconds)}ms`;
}
