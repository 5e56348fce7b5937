import type { Value } from './value-types.ts';

/** npm's `umask.js`: octal with a leading zero, decimal without; undefined for anything else. */
export function parseUmask(value: Value): number | undefined {
  if (typeof value === 'number') return value >= 0 && value < 512 ? Math.floor(value) : undefined;
  if (typeof value !== 'string') return undefined;
  if (/^0o?[0-7]+$/.test(value)) return Number.parseInt(value.replace(/^0o?/, ''), 8);
  return /^[1-9][0-9]*$/.test(value) ? Number.parseInt(value, 10) : undefined;
}
