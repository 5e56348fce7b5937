import { DYNAMIC, type NpmKey, row } from './keys-served.ts';
import { PATH, SEMVER, URL_VALUE } from './value-types.ts';

const KEY_AND_CERT =
  '`key` and `cert` are no longer used for most registry operations.\nUse registry scoped `keyfile` and `certfile` instead.\n' +
  '      Example:\n      //other-registry.tld/:keyfile=/path/to/key.pem\n      //other-registry.tld/:certfile=/path/to/cert.crt';

/** Keys that leave an install to npm when they are set to anything else than their default. */
export const PASSTHROUGH: readonly NpmKey[] = [
  row('allow-scripts', 'passthrough', [String, Array], '', {
    exported: false,
    since: '11.16.0',
    older: [{ until: '11.20.0', exported: true }, { since: '12.0.0', until: '12.1.0', exported: true }],
  }),
  row('allow-unused-patches', 'passthrough', Boolean, false, { since: '12.0.0' }),
  row('cache-max', 'passthrough', Number, null, { deprecated: 'This option has been deprecated in favor of `--prefer-online`' }),
  row('cache-min', 'passthrough', Number, 0, { deprecated: 'This option has been deprecated in favor of `--prefer-offline`.' }),
  row('call', 'passthrough', String, '', { short: 'c' }),
  row('cert', 'passthrough', [null, String], null, { deprecated: KEY_AND_CERT }),
  row('dry-run', 'passthrough', Boolean, false, { unobservable: true }),
  row('expect-result-count', 'passthrough', [null, Number], null, { exclusive: ['expect-results'] }),
  row('expect-results', 'passthrough', [null, Boolean], null, { exclusive: ['expect-result-count'] }),
  row('extension-file', 'passthrough', [null, PATH], null, { since: '12.0.0' }),
  row('format-package-lock', 'passthrough', Boolean, true),
  row('global-ignore-file', 'passthrough', PATH, '', { since: '12.0.0' }),
  row('global-style', 'passthrough', Boolean, false, { deprecated: 'This option has been deprecated in favor of `--install-strategy=shallow`' }),
  row('heading', 'passthrough', String, 'npm'),
  row('ignore-extension', 'passthrough', Boolean, false, { since: '12.0.0' }),
  row('ignore-patch-failures', 'passthrough', Boolean, false, { since: '12.0.0' }),
  row('init.author.email', 'passthrough', String, '', { deprecated: 'Use `--init-author-email` instead.' }),
  row('init.author.name', 'passthrough', String, '', { deprecated: 'Use `--init-author-name` instead.' }),
  row('init.author.url', 'passthrough', ['', URL_VALUE], '', { deprecated: 'Use `--init-author-url` instead.' }),
  row('init.license', 'passthrough', String, '', { deprecated: 'Use `--init-license` instead.', older: [{ until: '12.0.0', default: 'ISC' }] }),
  row('init.module', 'passthrough', PATH, '~/.npm-init.js', { deprecated: 'Use `--init-module` instead.' }),
  row('init.version', 'passthrough', SEMVER, '1.0.0', { deprecated: 'Use `--init-version` instead.' }),
  row('install-links', 'passthrough', Boolean, false),
  row('install-strategy', 'passthrough', ['hoisted', 'nested', 'shallow', 'linked'], 'hoisted'),
  row('key', 'passthrough', [null, String], null, { deprecated: KEY_AND_CERT }),
  row('legacy-bundling', 'passthrough', Boolean, false, { deprecated: 'This option has been deprecated in favor of `--install-strategy=nested`' }),
  row('local-address', 'passthrough', null, null),
  row('long', 'passthrough', Boolean, false, { short: 'l' }),
  row('node-gyp', 'passthrough', PATH, DYNAMIC, { since: '11.3.0' }),
  row('node-options', 'passthrough', [null, String], null),
  row('package-lock', 'passthrough', Boolean, true, { ci: 'inert' }),
  row('package-lock-only', 'passthrough', Boolean, false, { unobservable: true }),
  row('patches-dir', 'passthrough', String, 'patches', { since: '12.0.0' }),
  row('prefer-dedupe', 'passthrough', Boolean, false, { ci: 'inert' }),
  row('rebuild-bundle', 'passthrough', Boolean, true),
  row('save', 'passthrough', Boolean, true, { short: 'S', ci: 'inert' }),
  row('scope', 'passthrough', String, ''),
  row('shrinkwrap', 'passthrough', Boolean, true, { deprecated: 'Use the --package-lock setting instead.', until: '12.0.0' }),
  row('strict-allow-scripts', 'passthrough', Boolean, false, { since: '11.16.0' }),
  row('strict-npmrc', 'passthrough', Boolean, false, { since: '12.0.0' }),
  row('tag', 'passthrough', String, 'latest'),
  row('timing', 'passthrough', Boolean, false),
  row('workspace', 'passthrough', [String, Array], [], { short: 'w', exported: false }),
  row('workspaces', 'passthrough', [null, Boolean], null, { exported: false }),
];
