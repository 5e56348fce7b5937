import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What npm 11 and 12 as published have there. */
const PUBLISHED: readonly string[] = ['npm-version', 'global-prefix', 'local-prefix'];

/**
 * Keys that the npm in `npmDir` never complains of, though they are none: `internalEnv` of its @npmcli/config. Distributions add to it
 * (`nodedir`), so it is read from there; that is only asked where there is an unknown key.
 */
export function internalKeys(npmDir: string): readonly string[] {
  try {
    const source = readFileSync(join(npmDir, 'node_modules/@npmcli/config/lib/index.js'), 'utf8');
    const list = /^const internalEnv = \[([^\]]*)\]$/m.exec(source)?.[1];
    return list === undefined ? PUBLISHED : [...list.matchAll(/'([\w-]+)'/g)].map((found) => found[1] ?? '');
  } catch {
    return PUBLISHED;
  }
}
