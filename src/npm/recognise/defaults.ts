import { join } from 'node:path';
import { DYNAMIC, type NpmKey } from './keys-served.ts';
import type { Value } from './value-types.ts';
import { firstSet, type NpmFacts, type NpmWorld } from './world.ts';

/**
 * The default of a key, as npm's definitions have it, not yet read as a field. DYNAMIC where it cannot be told: that of
 * `progress` depends on the terminal and on which CI npm believes to run in.
 */
export function defaultOf(key: NpmKey, facts: NpmFacts, { env }: NpmWorld): Value | typeof DYNAMIC {
  if (key.default !== DYNAMIC) return key.default;
  switch (key.name) {
    case 'color':
      return !env['NO_COLOR'] || env['NO_COLOR'] === '0';
    case 'omit':
      return env['NODE_ENV'] === 'production' ? ['dev'] : [];
    case 'editor':
      return firstSet(env['EDITOR'], env['VISUAL'], 'vi');
    case 'shell':
      return firstSet(env['SHELL'], 'sh');
    case 'unicode':
      return /UTF-?8$/i.test(firstSet(env['LC_ALL'], env['LC_CTYPE'], env['LANG']) ?? '');
    case 'node-gyp':
      return join(facts.npmDir, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
    case 'registry':
      return facts.defaultRegistry ?? DYNAMIC;
    default:
      return DYNAMIC;
  }
}
