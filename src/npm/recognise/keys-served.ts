import { type KeyType, PATH, UMASK, URL_VALUE, type Value } from './value-types.ts';

/**
 * What a key of npm's configuration means for an install that might be served.
 * `served`: its value is part of the request, and whoever serves obeys it. `inert`: it has no effect on what an install
 * without packages leaves or prints, as long as nothing is fetched. `passthrough`: set to anything else than its default, it
 * leaves the install to npm.
 */
export type NpmDecision = 'served' | 'inert' | 'passthrough';

/** The default depends on the environment; see `defaults.ts`. */
export const DYNAMIC = Symbol('dynamic');

/** What of a key changed in the course of npm's versions. */
interface Changeable {
  readonly type: KeyType;
  readonly default: Value | typeof DYNAMIC;
  /** Keys that npm refuses to see together with this one, however they are set. */
  readonly exclusive: readonly string[];
  /** Whether scripts get it as `npm_config_…`. */
  readonly exported: boolean;
}

export interface NpmKey extends Changeable {
  readonly name: string;
  readonly decision: NpmDecision;
  /** One-letter names on the command line. */
  readonly short: readonly string[];
  /** npm's words, which it prints wherever the key is set. */
  readonly deprecated?: string;
  /** First npm that has it, unless all since 10.8 do; first that no longer has it. */
  readonly since?: string;
  readonly until?: string;
  /** What is different before `until`, and from `since` on. */
  readonly older?: readonly ({ readonly since?: string; readonly until: string } & Partial<Changeable>)[];
  /** Without effect on `npm ci`. */
  readonly ci?: 'inert';
  /** With it, npm installs nothing that could be cached. */
  readonly unobservable?: true;
}

type Extra = Partial<Omit<NpmKey, 'name' | 'decision' | 'type' | 'default' | 'short'>> & { short?: string | readonly string[] };

/** One row of the table. */
export function row(name: string, decision: NpmDecision, type: KeyType, value: NpmKey['default'], { short = [], ...extra }: Extra = {}): NpmKey {
  return { name, decision, type, default: value, exclusive: [], exported: true, ...extra, short: typeof short === 'string' ? [short] : short };
}

/** Keys that the request carries. */
export const SERVED: readonly NpmKey[] = [
  row('allow-directory', 'served', ['all', 'none', 'root'], 'all', { since: '11.14.0' }),
  row('allow-file', 'served', ['all', 'none', 'root'], 'all', { since: '11.14.0' }),
  row('allow-git', 'served', ['all', 'none', 'root'], 'none', { since: '11.9.0', older: [{ until: '12.0.0', default: 'all' }] }),
  row('allow-remote', 'served', ['all', 'none', 'root'], 'none', { since: '11.14.0', older: [{ until: '12.0.0', default: 'all' }] }),
  row('also', 'served', [null, 'dev', 'development'], null, { deprecated: 'Please use --include=dev instead.' }),
  row('audit', 'served', Boolean, true),
  row('before', 'served', [null, Date], null),
  row('bin-links', 'served', Boolean, true),
  row('cache', 'served', PATH, '~/.npm'),
  row('color', 'served', ['always', Boolean], DYNAMIC),
  row('cpu', 'served', [null, String], null),
  row('dangerously-allow-all-scripts', 'served', Boolean, false, { since: '11.16.0' }),
  row('dev', 'served', Boolean, false, { deprecated: 'Please use --include=dev instead.' }),
  row('engine-strict', 'served', Boolean, false),
  row('force', 'served', Boolean, false, { short: 'f' }),
  row('foreground-scripts', 'served', Boolean, false),
  row('fund', 'served', Boolean, true),
  row('global', 'served', Boolean, false, { short: 'g' }),
  row('globalconfig', 'served', PATH, ''),
  row('ignore-scripts', 'served', Boolean, false),
  row('include', 'served', [Array, 'prod', 'dev', 'optional', 'peer'], []),
  row('json', 'served', Boolean, false),
  row('legacy-peer-deps', 'served', Boolean, false),
  row('libc', 'served', [null, String], null),
  row('location', 'served', ['global', 'user', 'project'], 'user', { short: 'L' }),
  row('lockfile-version', 'served', [null, 1, 2, 3, '1', '2', '3'], null),
  row('loglevel', 'served', ['silent', 'error', 'warn', 'notice', 'http', 'info', 'verbose', 'silly'], 'notice'),
  row('min-release-age', 'served', [null, Number], null, { exclusive: ['before'], exported: false, since: '11.10.0', older: [{ until: '11.12.0', exported: true }] }),
  row('offline', 'served', Boolean, false),
  row('omit', 'served', [Array, 'dev', 'optional', 'peer'], DYNAMIC),
  row('omit-lockfile-registry-resolved', 'served', Boolean, false),
  row('only', 'served', [null, 'prod', 'production'], null, { deprecated: 'Use `--omit=dev` to omit dev dependencies from the install.' }),
  row('optional', 'served', [null, Boolean], null, { deprecated: 'Use `--omit=optional` to exclude optional dependencies, or\n`--include=optional` to include them.\n\n      Default value does install optional deps unless otherwise omitted.' }),
  row('os', 'served', [null, String], null),
  row('prefer-offline', 'served', Boolean, false),
  row('prefer-online', 'served', Boolean, false),
  row('prefix', 'served', PATH, '', { short: 'C' }),
  row('production', 'served', [null, Boolean], null, { deprecated: 'Use `--omit=dev` instead.' }),
  row('progress', 'served', Boolean, DYNAMIC),
  row('registry', 'served', URL_VALUE, DYNAMIC),
  row('replace-registry-host', 'served', ['npmjs', 'never', 'always', String], 'npmjs'),
  row('script-shell', 'served', [null, String], null),
  row('strict-peer-deps', 'served', Boolean, false),
  row('umask', 'served', UMASK, 0),
  row('usage', 'served', Boolean, false, { short: ['?', 'H', 'h'] }),
  row('userconfig', 'served', PATH, '~/.npmrc'),
  row('version', 'served', Boolean, false, { short: 'v' }),
  row('versions', 'served', Boolean, false),
];
