import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ROWS } from '../src/settings.ts';

const DOCS = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8');

describe('the table of settings', () => {
  it('is the documented one', () => {
    const ours = ROWS.map(([, { variable, key, fallback, type, meaning }]) => {
      return `| \`${variable}\` | \`${key}\` | ${fallback === undefined ? '' : `\`${fallback}\``} | ${type.takes} | ${meaning} |`;
    });
    expect(DOCS.match(/^\| `PKG_CACHE_.*$/gm)).toEqual(ours);
  });

  it('has defaults that can be read', () => {
    for (const [, { type, fallback }] of ROWS) if (fallback !== undefined) expect(type.parse(fallback)).toBeDefined();
  });

  it('names nothing twice', () => {
    const names = ROWS.flatMap(([, { variable, key }]) => [variable, key]);
    expect(new Set(names).size).toBe(names.length);
  });
});
