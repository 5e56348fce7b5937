import { PkgCacheError } from '../errors.ts';

/** For yargs' `coerce`: takes a whole number from `least` on. Throws USAGE for anything else: text, or an option that was given twice. */
export function wholeNumber(option: string, least: number): (value: unknown) => number {
  return (value) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
    throw new PkgCacheError('USAGE', `${option} takes a whole number, ${least} or more, once`);
  };
}
