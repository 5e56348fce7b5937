import { compareVersions } from '../version.ts';
import type { Request } from './request.ts';
import type { Use } from './values.ts';

/**
 * The pips that know everything that was used: an option may be newer than the pip at hand, which refuses it on the command
 * line and ignores it elsewhere. An option without effect may be configured for any pip.
 */
export function pipBounds(uses: readonly Use[]): Request['pip'] {
  const relevant = uses.filter(({ option, name }) => name !== undefined || option.decision !== 'inert');
  const since = relevant.flatMap(firstPips).sort(compareVersions).at(-1);
  const until = relevant.flatMap(({ option }) => option.until ?? []).sort(compareVersions)[0];
  return { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
}

function firstPips({ option, name, value }: Use): string[] {
  const later = option.later ?? {};
  const keys = Object.keys(later).filter((key) => key === name || key === value);
  return [...(option.since === undefined ? [] : [option.since]), ...keys.map((key) => later[key] as string)];
}
