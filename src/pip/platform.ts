import { imageName } from '../image.ts';
import type { InterpreterFacts, Scheme } from './python/facts.ts';

/**
 * The `platform` part of a pip entry's key: all that decides which wheel pip picks and what its installed files look like.
 * Interpreter and ABI, bytecode magic number, OS and architecture, and the libc's version, because wheels are chosen by it.
 */
export function wheelPlatform(facts: InterpreterFacts, options: { compile: boolean; scheme: Scheme }): string {
  const system = facts.macVersion === '' ? facts.libc : `macos-${facts.macVersion.split('.')[0] ?? ''}`;
  const parts = [facts.soabi || facts.cacheTag, `m${facts.magic}`, facts.platform, system];
  if (facts.pointerBits !== 64) parts.push(`${facts.pointerBits}bit`);
  // Where the two differ (lib64), an entry remembers which file went where; elsewhere that is lost.
  if (options.scheme.purelib !== options.scheme.platlib) parts.push('split');
  if (!options.compile) parts.push('nopyc');
  return parts.filter((part) => part !== '').join('-').replace(/[^A-Za-z0-9._-]/g, '_');
}

/** The platform of an entry that was built on a worker from an sdist: its compiler and libraries were the image's. */
export function builtPlatform(platform: string): string {
  return `${platform}+${imageName()}`;
}
