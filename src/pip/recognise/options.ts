/**
 * What an option means for a request that might be served:
 * `served`: its effect is implemented. `inert`: it has no effect on what a served install leaves.
 * `origin`: it decides which file a pin means, so it is part of the origin fingerprint.
 * `build`: inert for a wheel; entries that were built from an sdist may not be used.
 * `passthrough`: the real pip.
 */
export type Decision = 'served' | 'inert' | 'origin' | 'build' | 'passthrough';

/**
 * How optparse and pip's configuration treat an option's values.
 * `flag`/`unflag`: store_true/store_false. `count`: -v. `value`: the last one counts. `append`: all count.
 * `control`: pip's format and release controls. `disable`: --no-cache-dir, which any truth value switches on.
 */
export type OptionKind = 'flag' | 'unflag' | 'count' | 'value' | 'append' | 'control' | 'disable';

/** Which values pip accepts where it does not take any string. */
export type ValueType = 'path' | 'int' | 'float' | 'date' | 'python-version' | 'key-value' | 'hash' | readonly string[];

export interface PipOption {
  /** Short and long names; the first long one names the option. */
  readonly names: readonly string[];
  /** Where optparse stores the value; options with one `dest` override each other. */
  readonly dest: string;
  readonly kind: OptionKind;
  readonly decision: Decision;
  readonly type?: ValueType;
  /** Accepted before the command as well. */
  readonly general?: true;
  /** Accepted in requirements files: on a line of its own, or after a requirement. */
  readonly inFile?: 'line' | 'requirement';
  /** With it, what a real install leaves may not be cached either. */
  readonly unobservable?: true;
  /** First pip that has it, unless all since 22.3 do; first pip that no longer has it. */
  readonly since?: string;
  readonly until?: string;
  /** First pip that has a name or a value which came later than the option. */
  readonly later?: Readonly<Record<string, string>>;
}

type Extra = Omit<PipOption, 'names' | 'dest' | 'kind' | 'decision'>;

function option(names: string, dest: string, kind: OptionKind, decision: Decision, extra: Extra = {}): PipOption {
  return { names: names.split(' '), dest, kind, decision, ...extra };
}

const general = { general: true } as const;
const line = { inFile: 'line' } as const;

/** Options that every command of pip has (`cmdoptions.general_group`). */
const GENERAL: readonly PipOption[] = [
  option('-h --help', 'help', 'flag', 'passthrough', { ...general, unobservable: true }),
  option('-V --version', 'version', 'flag', 'passthrough', { ...general, unobservable: true }),
  option('--debug', 'debug', 'flag', 'inert', general),
  option('--isolated', 'isolated', 'flag', 'served', general),
  option('--require-virtualenv --require-venv', 'requireVirtualenv', 'flag', 'served', general),
  option('--python', 'python', 'value', 'served', general),
  option('-v --verbose', 'verbose', 'count', 'served', general),
  option('-q --quiet', 'quiet', 'count', 'served', general),
  option('--log --log-file --local-log', 'log', 'value', 'served', { ...general, type: 'path' }),
  option('--no-input', 'noInput', 'flag', 'inert', general),
  option('--keyring-provider', 'keyringProvider', 'value', 'inert', {
    ...general,
    type: ['auto', 'disabled', 'import', 'subprocess'],
    since: '23.1',
  }),
  option('--proxy', 'proxy', 'value', 'inert', general),
  option('--no-proxy-env', 'noProxyEnv', 'flag', 'inert', { ...general, since: '26.2' }),
  option('--retries', 'retries', 'value', 'inert', { ...general, type: 'int' }),
  option('--resume-retries', 'resumeRetries', 'value', 'inert', { ...general, type: 'int', since: '25.1' }),
  option('--timeout --default-timeout', 'timeout', 'value', 'inert', { ...general, type: 'float' }),
  option('--exists-action', 'existsAction', 'append', 'inert', { ...general, type: ['s', 'i', 'w', 'b', 'a'] }),
  option('--trusted-host', 'trustedHosts', 'append', 'inert', { ...general, ...line }),
  option('--cert', 'cert', 'value', 'inert', { ...general, type: 'path' }),
  option('--client-cert', 'clientCert', 'value', 'inert', { ...general, type: 'path' }),
  option('--cache-dir', 'cacheDir', 'value', 'inert', { ...general, type: 'path' }),
  option('--no-cache-dir', 'cacheDir', 'disable', 'inert', general),
  option('--disable-pip-version-check', 'disablePipVersionCheck', 'flag', 'inert', general),
  option('--no-color', 'noColor', 'flag', 'served', general),
  option('--no-python-version-warning', 'noPythonVersionWarning', 'flag', 'inert', general),
  option('--use-feature', 'features', 'append', 'passthrough', { ...general, ...line }),
  option('--use-deprecated', 'deprecatedFeatures', 'append', 'passthrough', general),
];

const INSTALL: readonly PipOption[] = [
  option('-r --requirement', 'requirements', 'append', 'served', line),
  option('-c --constraint', 'constraints', 'append', 'served', line),
  option('--build-constraint', 'buildConstraints', 'append', 'build', { since: '25.3' }),
  option('--requirements-from-script', 'scripts', 'append', 'passthrough', { since: '26.0' }),
  option('--no-deps --no-dependencies', 'noDeps', 'flag', 'served'),
  option('--only-deps --only-dependencies', 'onlyDeps', 'flag', 'passthrough', { since: '26.2' }),
  option('-e --editable', 'editables', 'append', 'passthrough', line),
  option('--dry-run', 'dryRun', 'flag', 'passthrough', { unobservable: true }),
  option('-t --target', 'target', 'value', 'served'),
  option('--platform', 'platforms', 'append', 'origin'),
  option('--python-version', 'pythonVersion', 'value', 'origin', { type: 'python-version' }),
  option('--implementation', 'implementation', 'value', 'origin'),
  option('--abi', 'abis', 'append', 'origin'),
  option('--user', 'user', 'flag', 'served'),
  option('--no-user', 'user', 'unflag', 'served'),
  option('--root', 'root', 'value', 'served'),
  option('--prefix', 'prefix', 'value', 'served'),
  option('--src --source --source-dir --source-directory', 'src', 'value', 'passthrough', { type: 'path' }),
  option('-U --upgrade', 'upgrade', 'flag', 'passthrough'),
  option('--upgrade-strategy', 'upgradeStrategy', 'value', 'passthrough', { type: ['only-if-needed', 'eager'] }),
  option('--force-reinstall', 'forceReinstall', 'flag', 'passthrough'),
  option('-I --ignore-installed', 'ignoreInstalled', 'flag', 'passthrough'),
  option('--ignore-requires-python', 'ignoreRequiresPython', 'flag', 'origin'),
  option('--no-build-isolation', 'buildIsolation', 'unflag', 'build'),
  option('--use-pep517', 'usePep517', 'flag', 'build'),
  option('--no-use-pep517', 'noUsePep517', 'flag', 'passthrough', { until: '25.3', unobservable: true }),
  option('--check-build-dependencies', 'checkBuildDependencies', 'flag', 'build'),
  option('--break-system-packages', 'breakSystemPackages', 'flag', 'served', { since: '23.0' }),
  option('-C --config-settings', 'configSettings', 'append', 'build', {
    type: 'key-value',
    inFile: 'requirement',
    later: { '-C': '23.1' },
  }),
  option('--global-option', 'globalOptions', 'append', 'passthrough', { inFile: 'requirement', until: '25.3', unobservable: true }),
  option('--install-option', 'installOptions', 'append', 'passthrough', { inFile: 'requirement', until: '23.1', unobservable: true }),
  option('--compile', 'compile', 'flag', 'served'),
  option('--no-compile', 'compile', 'unflag', 'served'),
  option('--no-warn-script-location', 'warnScriptLocation', 'unflag', 'served'),
  option('--no-warn-conflicts', 'warnConflicts', 'unflag', 'served'),
  option('--require-hashes', 'requireHashes', 'flag', 'served', line),
  option('--no-require-hashes', 'noRequireHashes', 'flag', 'served', { ...line, since: '26.2' }),
  option('--progress-bar', 'progressBar', 'value', 'served', {
    type: ['auto', 'on', 'off', 'raw'],
    later: { raw: '24.1', auto: '25.2' },
  }),
  option('--root-user-action', 'rootUserAction', 'value', 'served', { type: ['warn', 'ignore'] }),
  option('--report', 'report', 'value', 'passthrough', { unobservable: true }),
  option('--group', 'groups', 'append', 'passthrough', { since: '25.1' }),
  option('--no-clean', 'noClean', 'flag', 'inert'),
  option('-i --index-url --pypi-url', 'indexUrl', 'value', 'origin', line),
  option('--extra-index-url', 'extraIndexUrls', 'append', 'origin', line),
  option('--no-index', 'noIndex', 'flag', 'origin', line),
  option('--refresh-package', 'refreshPackage', 'append', 'passthrough', { since: '26.2' }),
  option('-f --find-links', 'findLinks', 'append', 'origin', line),
  option('--uploaded-prior-to', 'uploadedPriorTo', 'value', 'origin', { type: 'date', since: '26.0' }),
  option('--pre', 'pre', 'flag', 'origin', line),
  option('--all-releases', 'allReleases', 'control', 'origin', { ...line, since: '26.0' }),
  option('--only-final', 'onlyFinal', 'control', 'origin', { ...line, since: '26.0' }),
  option('--no-binary', 'noBinary', 'control', 'origin', line),
  option('--only-binary', 'onlyBinary', 'control', 'origin', line),
  option('--prefer-binary', 'preferBinary', 'flag', 'origin', line),
];

/** Every option of `pip install`, of pip 22.3 to 26.3. docs/compatibility.md repeats it, and a test compares the two. */
export const optionTable: readonly PipOption[] = [...GENERAL, ...INSTALL];

/** Only in requirements files, after a requirement. */
const HASH = option('--hash', 'hashes', 'append', 'served', { type: 'hash', inFile: 'requirement' });

/** An option parser's vocabulary: what each name stands for, and all long names, for abbreviations. */
export interface Vocabulary {
  readonly byName: ReadonlyMap<string, PipOption>;
  readonly longNames: readonly string[];
}

function vocabulary(options: readonly PipOption[]): Vocabulary {
  const byName = new Map(options.flatMap((o) => o.names.map((name) => [name, o] as const)));
  return { byName, longNames: [...byName.keys()].filter((name) => name.startsWith('--')) };
}

/** What may precede the command. */
export const generalWords = vocabulary(GENERAL);
export const installWords = vocabulary(optionTable);
/** What a line of a requirements file may hold, by itself or after a requirement. */
export const fileWords = vocabulary([...optionTable.filter((o) => o.inFile !== undefined), HASH]);

/** Whether the option is followed by a value on the command line. */
export function takesValue(o: PipOption): boolean {
  return o.kind === 'value' || o.kind === 'append' || o.kind === 'control';
}
