import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { PkgCacheError, systemCode } from '../errors.ts';
import { nameAt, parseLock } from '../npm/lockfile.ts';
import { decodeRequirements } from '../pip/recognise/decode.ts';
import { logicalLines } from '../pip/recognise/lines.ts';
import { applies, parseRules, type Package, type Rule } from '../policy.ts';
import type { Env } from '../config.ts';

/** Reads what the user named: `name`, `name==1.0`, `name@1.0`, `na*`, `pip:name`, `npm:name`. Throws USAGE. */
export function parseNames(words: readonly string[]): Rule[] {
  return words.flatMap((word) => {
    const rules = parseRules(word);
    const [rule, ...more] = rules ?? [];
    if (!rule?.allows || rule.index !== undefined || more.length > 0) throw new PkgCacheError('USAGE', `${word} is not a package`, { hint: 'write name, name==1.0, name@1.0 or a pattern such as na*; with pip: or npm: in front for one of them' });
    return rule;
  });
}

/** The packages that a requirements file or a package-lock.json names. Throws USAGE for a file that cannot be read. */
export function namesIn(file: string, env: Env): Rule[] {
  const bytes = read(file);
  if (basename(file).endsWith('.json')) return namesInLock(bytes.toString('utf8'));
  return logicalLines(decodeRequirements(bytes), env).flatMap(({ text }) => {
    const [, name, version] = /^([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:===?\s*([\w.+!-]+))?/.exec(text) ?? [];
    return name === undefined ? [] : parseNames([`pip:${name}${version === undefined ? '' : `==${version}`}`]);
  });
}

function namesInLock(text: string): Rule[] {
  return [...parseLock(text).packages].flatMap(([location, { name, version, link }]) => {
    if (location === '' || link === true || version === undefined) return [];
    return parseNames([`npm:${name ?? nameAt(location)}@${version}`]);
  });
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new PkgCacheError('USAGE', `${file} cannot be read: ${systemCode(error) ?? 'unknown error'}`);
  }
}

/** Whether one of the rules is about a package. */
export function isNamed(rules: readonly Rule[], named: Package): boolean {
  return rules.some((rule) => applies(rule, named));
}
