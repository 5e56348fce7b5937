/**
 * What npm's definitions give as the type of a key (`definitions.js`, `type-defs.js`): one of JavaScript's constructors, one
 * of npm's own types, a literal that is allowed, or a list of these. `Array` in a list: the key holds any number of values.
 */
export type TypeItem = ArrayConstructor | BooleanConstructor | StringConstructor | NumberConstructor | DateConstructor | symbol | string | number | boolean | null;
export type KeyType = TypeItem | readonly TypeItem[];

/** A value while it is read. `undefined`: the word `undefined`, which npm takes literally. */
export type Value = string | number | boolean | null | undefined | Date | readonly Value[];

export const PATH = Symbol('path');
export const URL_VALUE = Symbol('url');
export const UMASK = Symbol('umask');
export const SEMVER = Symbol('semver');

/** The members of a type. */
export function itemsOf(type: KeyType): readonly TypeItem[] {
  return isList(type) ? type : [type];
}

export function isList(type: KeyType | undefined): type is readonly TypeItem[] {
  return Array.isArray(type);
}
