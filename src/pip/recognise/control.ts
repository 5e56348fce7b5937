import { PkgCacheError } from '../../errors.ts';
import { normalName } from './names.ts';

/** The two sides of pip's format control, and of its release control: a name is on at most one side. */
const OPPOSITE: ReadonlyMap<string, string> = new Map([
  ['noBinary', 'onlyBinary'],
  ['onlyBinary', 'noBinary'],
  ['allReleases', 'onlyFinal'],
  ['onlyFinal', 'allReleases'],
]);

/** The list that a control option takes names off; undefined for any other option. */
export function opposite(dest: string): string | undefined {
  return OPPOSITE.get(dest);
}

/**
 * Adds the comma-separated names of one option's value to its list and takes them off the opposite one:
 * `FormatControl.handle_mutual_excludes`, `:all:` and `:none:` included. Changes the lists that `listOf` gives.
 */
export function exclude(value: string, dest: string, listOf: (dest: string) => string[]): void {
  if (value.startsWith('-')) throw new PkgCacheError('UNRECOGNISED', `${dest} requires a value`);
  const target = listOf(dest);
  const other = listOf(OPPOSITE.get(dest) as string);
  let names = value.split(',');
  const all = names.lastIndexOf(':all:');
  if (all >= 0) {
    other.length = 0;
    target.splice(0, target.length, ':all:');
    names = names.slice(all + 1);
    if (!names.includes(':none:')) return;
  }
  for (const name of names) addName(name, target, other);
}

function addName(name: string, target: string[], other: string[]): void {
  if (name === ':none:') {
    target.length = 0;
    return;
  }
  const normal = normalName(name);
  remove(other, normal);
  if (!target.includes(normal)) target.push(normal);
}

function remove(list: string[], name: string): void {
  const index = list.indexOf(name);
  if (index >= 0) list.splice(index, 1);
}
