import { isAbsolute, resolve } from 'node:path';
import type { LinkMode } from './cache/copy.ts';
import { parseRules, type Rule } from './policy.ts';
import { parseLocation } from './store/location.ts';

/** How the text of a setting is read. */
export interface SettingType<T> {
  /** What may be written there, for people. */
  readonly takes: string;
  /** Undefined for a text that means nothing. */
  readonly parse: (text: string) => T | undefined;
  /** What is wrong with a text that means nothing; without the text itself where that may hold a credential. */
  readonly complain: (text: string) => string;
  /** How a text is shown to people, where it may hold a credential. */
  readonly show?: (text: string) => string;
  /** A list: what several lines, files or the environment say adds up. */
  readonly list?: true;
}

/** A row of the table of settings. */
export interface Setting<T> {
  /** In config files. */
  readonly key: string;
  /** In the environment. */
  readonly variable: string;
  readonly type: SettingType<T>;
  /** As one would write it; undefined: not set. */
  readonly fallback: string | undefined;
  /** A sentence or two, in Markdown. */
  readonly meaning: string;
}

const DIRECTORY: SettingType<string> = {
  takes: 'an absolute path',
  parse: (text) => (isAbsolute(text) ? resolve(text) : undefined),
  complain: (text) => `${text} is not an absolute path`,
};

/** Stands for a text that cannot be used, and that may hold a credential. */
const HIDDEN = '(not shown)';

const LOCATION: SettingType<string> = {
  takes: '`s3://bucket/prefix`, an absolute path, or a `file://` URL',
  parse: (text) => (parseLocation(text) === undefined ? undefined : text),
  complain: (text) => `the store is neither s3://bucket/prefix nor a directory${text.includes('@') ? '; credentials do not belong there, but into the AWS settings' : ''}`,
  show: (text) => (parseLocation(text) === undefined ? HIDDEN : text),
};

function oneOf<T>(values: Readonly<Record<string, T>>): SettingType<T> {
  const names = Object.keys(values);
  return {
    takes: names.map((name) => `\`${name}\``).join(', '),
    parse: (text) => (Object.hasOwn(values, text) ? values[text] : undefined),
    complain: (text) => `${text} is none of ${names.join(', ')}`,
  };
}

const SWITCH = oneOf({ on: true, off: false });

const RULES: SettingType<readonly Rule[]> = {
  takes: 'rules, see [below](#cachable-and-blocked)',
  parse: parseRules,
  complain: (text) => {
    const wrong = text.split(/[\s,]+/).find((word) => word !== '' && parseRules(word) === undefined) ?? '';
    return `${wrong.includes('/') ? 'one of the rules' : wrong} is neither a name, name==version, a pattern with * nor an http(s) URL`; // a URL may hold a credential
  },
  show: (text) => text.replace(/[^\s,]+/g, (word) => parseRules(word)?.[0]?.text ?? HIDDEN),
  list: true,
};

/** Numbers from `least` on. */
function number(what: string, least = 0): SettingType<number> {
  return {
    takes: what,
    parse: (text) => (/^-?\d+(\.\d+)?$/.test(text) && Number(text) >= least ? Number(text) : undefined),
    complain: (text) => `${text} is not a number of ${what}${least === 0 ? '' : ` (${least} or more)`}`,
  };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };

/** Bytes, with the suffixes of ccache: decimal ones, and binary ones with an i. */
const SIZE: SettingType<number> = {
  takes: 'bytes, or `500M`, `10G`, `2Ti` …',
  parse: (text) => {
    const [, digits = '', suffix = ''] = /^(\d+(?:\.\d+)?)\s*([kKMGT]i?)?B?$/.exec(text) ?? [];
    const unit = UNITS[suffix.replace(/^K$/, 'k').replace('ki', 'Ki')];
    return digits === '' || unit === undefined ? undefined : Math.floor(Number(digits) * unit);
  },
  complain: (text) => `${text} is not a size such as 500M or 10G`,
};

const PERCENT: SettingType<number> = {
  takes: 'percent',
  parse: (text) => (/^\d+%?$/.test(text) && parseInt(text, 10) <= 100 ? parseInt(text, 10) : undefined),
  complain: (text) => `${text} is not a percentage`,
};

const NAME: SettingType<string> = {
  takes: 'letters, digits, `.`, `_` and `-`',
  parse: (text) => (/^[A-Za-z0-9._-]{1,60}$/.test(text) ? text : undefined),
  complain: (text) => `${text} is no name of letters, digits, ., _ and -`,
};

const KMS_KEY: SettingType<string> = {
  takes: 'a key id, alias or ARN',
  parse: (text) => (/^[A-Za-z0-9:/_.-]{1,2048}$/.test(text) ? text : undefined),
  complain: () => 'that is no id, alias or ARN of a KMS key',
};

function setting<T>(key: string, type: SettingType<T>, fallback: string, meaning: string): Setting<T> {
  return { key, variable: `PKG_CACHE_${key.toUpperCase()}`, type, fallback, meaning };
}

/** One that need not be set. */
function optional<T>(key: string, type: SettingType<T>, meaning: string): Setting<T | undefined> {
  return { key, variable: `PKG_CACHE_${key.toUpperCase()}`, type, fallback: undefined, meaning };
}

function list<T>(key: string, type: SettingType<readonly T[]>, meaning: string): Setting<readonly T[]> {
  return { key, variable: `PKG_CACHE_${key.toUpperCase()}`, type, fallback: undefined, meaning };
}

/** Everything that can be set. docs/configuration.md has the same rows, which a test compares. */
export const SETTINGS = {
  cacheDir: { ...optional('cache_dir', DIRECTORY, 'The local cache. Not set: nothing is cached. `install.sh` sets `${XDG_CACHE_HOME:-~/.cache}/pkg-cache`.'), variable: 'PKG_CACHE_DIR' },
  store: optional('store', LOCATION, 'Where packages are shared. Not set: local cache only.'),
  linkMode: setting<LinkMode>('link_mode', oneOf({ private: 'private', hardlink: 'hardlink' }), 'private', '`private`: installed files are reflinks or copies. `hardlink`: they share the cache\'s inodes. [What that costs](compatibility.md#edits-in-place-and-link-modes)'),
  readyCopies: setting('ready_copies', SWITCH, 'on', 'packages that were used, and node_modules as a whole, are copied once more in the background, so that the next install is a rename: with npm in trees of 20 packages and more; with pip always, and four times in sets of fewer than 500 files and 16 MB. `off` saves that disk.'),
  synchronous: setting('synchronous', SWITCH, 'off', '`on`: an install ends only when what it brought is cached, and stored; otherwise the background process does that afterwards. What is served from the cache waits for nothing.'),
  cachable: list('cachable', RULES, 'What the cache is for. Not set: everything.'),
  blocked: list('blocked', RULES, 'What is never served, pulled, uploaded or put into a snapshot, whoever cached it. The real tool still installs it.'),
  readOnly: setting('read_only', SWITCH, 'off', '`on`: this worker pulls from the store, and uploads nothing.'),
  offline: setting('offline', SWITCH, 'off', '`on`: the store is not asked, and what is to be uploaded waits. The real tools are not kept from the network.'),
  waitLimit: setting('wait_limit', number('seconds'), '120', 'How long an install waits at most for another worker that is installing the same at that moment, instead of doing it as well. `0`: never. [The fleet](fleet.md#the-same-miss-on-many-workers)'),
  maxDays: setting('max_days', number('days'), '30', 'Entries that nobody used for so long are deleted. `0`: never.'),
  maxSize: setting('max_size', SIZE, '0', 'What the local cache may take. What is too much goes, the least recently used first, when the background process is through with its work; what other workers have is brought down as far as it fits. `0`: as much as there is.'),
  cleanLimit: setting('clean_limit', number('seconds', -1), '0.5', 'How long the background process may delete after each update of the cache. `-1`: as long as it takes; `0`: only `pkg-cache clean` deletes.'),
  minFree: setting('min_free', SIZE, '1G', 'Nothing is added to the local cache that would leave less free space on its disk.'),
  maxUsed: setting('max_used', PERCENT, '95', 'Nothing is added to the local cache while its disk is fuller than this.'),
  logDays: setting('log_days', number('days'), '7', 'How long the log of background work is kept. `0`: there is none.'),
  syncInterval: setting('sync_interval', number('minutes'), '10', 'How often a worker brings down what others have stored, and stores what they lack. `0`: never by itself. [The fleet](fleet.md)'),
  syncDays: setting('sync_days', number('days'), '7', 'What no worker has used for so long is not brought down.'),
  syncBandwidth: setting('sync_bandwidth', SIZE, '0', 'Bytes per second that background work for the fleet may take, either way. `0`: as much as there is.'),
  snapshotInterval: setting('snapshot_interval', number('hours'), '24', 'How often one worker of a group packs its cache for those that start. `0`: this worker takes no part in it.'),
  snapshotSize: setting('snapshot_size', SIZE, '5G', 'How large a snapshot may be; what was used last comes first.'),
  fleetGroup: optional('fleet_group', NAME, 'Keeps workers apart that have little in common, such as those of different images. Operating system, architecture and libc do so anyway.'),
  s3AddressingStyle: optional('s3_addressing_style', oneOf({ auto: 'auto', path: 'path', virtual: 'virtual' }), 'Where the name of the bucket stands: in the path, or in the host (`virtual`; Aliyun OSS needs that). `auto`: in the path with an endpoint of one\'s own, else in the host. Not set: `addressing_style` below `s3 =` in the AWS config file, or `auto`.'),
  s3UseAccelerateEndpoint: optional('s3_use_accelerate_endpoint', SWITCH, '`on`: S3 Transfer Acceleration. Not set: `use_accelerate_endpoint` below `s3 =` in the AWS config file.'),
  s3Sse: optional('s3_sse', oneOf({ AES256: 'AES256', 'aws:kms': 'aws:kms', 'aws:kms:dsse': 'aws:kms:dsse' }), 'How objects are to be encrypted by the server, as `--sse` of `aws s3`. Not set: as the bucket has it.'),
  s3SseKmsKeyId: optional('s3_sse_kms_key_id', KMS_KEY, 'The KMS key for that, as `--sse-kms-key-id` of `aws s3`.'),
  s3RequestPayer: optional('s3_request_payer', oneOf({ requester: 'requester' }), '`requester`: this worker pays for its requests to a bucket that demands it, as `--request-payer` of `aws s3`.'),
  recordUse: setting('record_use', SWITCH, 'off', '`on`: a worker with `read_only`, or whose credentials may not upload, writes what it uses into the journal once a day. Needs `s3:PutObject` on `PREFIX/v1/journal/*` alone. [What is removed](fleet.md#what-is-removed-from-the-store)'),
  allRecordUse: setting('all_record_use', SWITCH, 'off', '`on`: all workers of this store may write to it, or have `record_use`. `store_days` and `store gc --unused` remove nothing without it: what only others use would look unused.'),
  storeDays: setting('store_days', number('days'), '0', 'What no worker has used for so long is removed from the store, by one of them; needs `all_record_use`. `0`: nothing is. All workers must agree on it.'),
} as const;

type Value<S> = S extends Setting<infer T> ? T : never;

/** The value of each setting. */
export type Settings = { readonly [Name in keyof typeof SETTINGS]: Value<(typeof SETTINGS)[Name]> };

/** The rows, whatever they hold. */
export const ROWS: readonly (readonly [keyof Settings, Setting<unknown>])[] = Object.entries(SETTINGS) as [keyof Settings, Setting<unknown>][];
