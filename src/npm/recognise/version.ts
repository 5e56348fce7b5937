/** First npm whose configuration is known here: the one that the oldest supported Node brings. */
const FIRST = '10.8.0';
/** Last npm of each major version whose definitions the table was compared with. */
const COMPARED: Readonly<Record<number, string>> = { 10: '10.9.9', 11: '11.21.2', 12: '12.2.0' };

/** What differs between npms besides the keys they know. */
export interface NpmTraits {
  /** `${VAR?}` stands for nothing when VAR is not set (`env-replace.js`). */
  readonly optionalVariables: boolean;
  /** What becomes of an abbreviated option, and of `-dd` and the like (`abbrevHandler`, `loadCLI`). */
  readonly abbreviation: 'silent' | 'warns' | 'refused';
  readonly wordAfterOneDash: 'silent' | 'warns' | 'refused';
  /** What npm says of keys it does not know (`checkUnknown`): nothing, at once, or when the command starts. */
  readonly unknown: 'silent' | 'at once' | 'later';
  readonly unknownHint: boolean;
  /** Since 12 the words differ for files and environment, and `email` and its like are refused. */
  readonly strict: boolean;
  /** Scripts are told node-gyp's place and npm's version in any case (`set-envs.js`). */
  readonly exportsNodeGyp: boolean;
  /** The table was compared with this very version; otherwise npm may know more keys than we do. */
  readonly compared: boolean;
}

/** Of npm or Node, numerically; what follows a `-` is ignored, since a prerelease is never `compared`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbers(version: string): number[] {
  return version.replace(/-.*/, '').split('.').map(Number);
}

/** Undefined for an npm that is too old or too new to be known. */
export function traitsOf(version: string): NpmTraits | undefined {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version) || compareVersions(version, FIRST) < 0) return undefined;
  const last = COMPARED[Number.parseInt(version, 10)];
  if (last === undefined) return undefined;
  const from = (since: string): boolean => compareVersions(version, since) >= 0;
  return {
    optionalVariables: from('11.6.0'),
    abbreviation: from('12.0.0') ? 'refused' : from('11.3.0') ? 'warns' : 'silent',
    wordAfterOneDash: from('12.0.0') ? 'refused' : from('11.2.0') ? 'warns' : 'silent',
    unknown: from('11.10.0') ? 'later' : from('11.2.0') ? 'at once' : 'silent',
    unknownHint: from('11.10.1'),
    strict: from('12.0.0'),
    exportsNodeGyp: from('11.3.0'),
    compared: compareVersions(version, last) <= 0 && !version.includes('-'),
  };
}

/** The Nodes that npm 10, 11 and 12 run on without complaint: from a version on, within its major version, or from the last one on. */
const NODES: Readonly<Record<number, readonly string[]>> = { 10: ['18.17.0', '20.5.0'], 11: ['20.17.0', '22.9.0'], 12: ['22.22.2', '24.15.0', '26.0.0'] };

/** Whether an npm that `traitsOf` knows supports this Node (`engines` of its package.json); if not, it says so first. */
export function supportsNode(npmVersion: string, nodeVersion: string): boolean {
  const node = nodeVersion.replace(/^v/, '');
  if (!/^\d+\.\d+\.\d+$/.test(node)) return false;
  const since = NODES[Number.parseInt(npmVersion, 10)] ?? [];
  return since.some((first, i) => compareVersions(node, first) >= 0 && (i === since.length - 1 || Number.parseInt(node, 10) === Number.parseInt(first, 10)));
}
