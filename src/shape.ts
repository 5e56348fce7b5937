import { readFileSync } from 'node:fs';
import { PkgCacheError, type ErrorCode } from './errors.ts';
import { NOT_PRINTABLE } from './printable.ts';

/**
 * Checks a value that somebody else may have written, after `JSON.parse`: where it is wrong and why, as `meta.lib is none of those that there are`, or
 * undefined if it is right. The value itself is never part of that, so that it can be printed. `T` is what a value is known to be afterwards.
 */
export interface Shape<T> {
  (value: unknown): string | undefined;
  readonly of?: T;
}

/** The longest text that is read, in UTF-16 units: what is longer is no name, and no requirement. */
const MAX_TEXT = 16_384;

/** How deep values may be that nobody here knows the shape of. */
const MAX_DEPTH = 8;

/** Whether `value` has a shape. */
export function isA<T>(shape: Shape<T>, value: unknown): value is T {
  return shape(value) === undefined;
}

/** `value`, which must have the shape. Throws a PkgCacheError with `code`: `what` and what is wrong with it. */
export function asA<T>(shape: Shape<T>, value: unknown, code: ErrorCode, what: string): T {
  const wrong = shape(value);
  if (wrong !== undefined) throw new PkgCacheError(code, `${what}${/^[.[]/.test(wrong) ? wrong.replace(/^\./, ': ') : ` ${wrong}`}`);
  return value as T;
}

/** What a JSON document says; undefined for one that is none, or has another shape. */
export function parseA<T>(shape: Shape<T>, text: string): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isA(shape, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** As `parseA`, of a file; undefined also for one that cannot be read. */
export function readA<T>(shape: Shape<T>, path: string): T | undefined {
  try {
    return parseA(shape, readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** A text that can be printed: tabs, but no other control characters. */
export const text: Shape<string> = (value) => {
  if (typeof value !== 'string') return 'is no text';
  if (value.length > MAX_TEXT) return 'is too long';
  return NOT_PRINTABLE.test(value) ? 'holds a control character' : undefined;
};

/** Any text at all: for what is compared or looked up, or shown by somebody who sees to it that it can be. */
export const anyText: Shape<string> = (value) => (typeof value === 'string' ? undefined : 'is no text');

/** As `text`, of any number of lines. */
export const lines: Shape<string> = (value) => (typeof value === 'string' ? text(value.replaceAll('\n', ' ')) : 'is no text');

/** A text of a form: `what` says which. */
export function matching(pattern: RegExp, what: string): Shape<string> {
  return (value) => text(value) ?? (pattern.test(value as string) ? undefined : `is no ${what}`);
}

/** A text of which `whyNot` has nothing to say. */
export function textUnless(whyNot: (value: string) => string | undefined): Shape<string> {
  return (value) => text(value) ?? whyNot(value as string);
}

export const hash256 = matching(/^[0-9a-f]{64}$/, 'SHA-256');
export const hash512 = matching(/^[0-9a-f]{128}$/, 'SHA-512');

/** A whole number from 0 on, which JavaScript can count to. */
export const count: Shape<number> = (value) => (Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : 'is no whole number from 0 on');

/** Any number but those that JSON has no word for. */
export const finite: Shape<number> = (value) => (Number.isFinite(value) ? undefined : 'is no number');

export const flag: Shape<boolean> = (value) => (typeof value === 'boolean' ? undefined : 'is neither true nor false');

/** One of some values. */
export function oneOf<const T extends string | number>(...values: readonly T[]): Shape<T> {
  return (value) => ((values as readonly unknown[]).includes(value) ? undefined : 'is none of those that there are');
}

/** What may be left out, or has the shape. */
export function maybe<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value) => (value === undefined ? undefined : shape(value));
}

/** Null, or what has the shape. */
export function orNull<T>(shape: Shape<T>): Shape<T | null> {
  return (value) => (value === null ? undefined : shape(value));
}

/** A list of values of one shape. */
export function list<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) return 'is no list';
    for (let i = 0; i < value.length; i++) {
      const wrong = shape(value[i]);
      if (wrong !== undefined) return joined(`[${i}]`, wrong);
    }
    return undefined;
  };
}

/** A list of as many values as there are shapes. */
export function tuple<T extends readonly unknown[]>(...shapes: { readonly [I in keyof T]: Shape<T[I]> }): Shape<T> {
  return (value) => {
    if (!Array.isArray(value) || value.length !== shapes.length) return `is no list of ${shapes.length}`;
    for (let i = 0; i < shapes.length; i++) {
      const wrong = shapes[i]?.(value[i]);
      if (wrong !== undefined) return joined(`[${i}]`, wrong);
    }
    return undefined;
  };
}

/**
 * An object with these properties of its own; `maybe` for those that may be missing. Others may be there, for later versions to read, if they are small enough
 * to be walked through: but none that could be taken for the object's prototype.
 */
export function object<T extends object>(fields: { readonly [K in keyof T]-?: Shape<T[K]> }): Shape<T> {
  const known: ReadonlyMap<string, Shape<unknown>> = new Map(Object.entries(fields));
  return (value) => {
    if (!isObject(value)) return 'is no object';
    for (const [key, shape] of known) {
      const wrong = shape(Object.hasOwn(value, key) ? value[key] : undefined);
      if (wrong !== undefined) return joined(`.${key}`, wrong);
    }
    for (const key in value) if (!known.has(key) && (key === '__proto__' || isDeep(value[key], MAX_DEPTH))) return 'has a property that it cannot have';
    return undefined;
  };
}

/** An object whose properties all have one shape, whatever they are called. */
export function record<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value) => {
    if (!isObject(value)) return 'is no object';
    for (const key of Object.keys(value)) {
      if (key === '__proto__') return 'has a property that it cannot have';
      const wrong = shape(value[key]);
      if (wrong !== undefined) return joined('[…]', wrong);
    }
    return undefined;
  };
}

/** Whatever JSON can say, if it is not deep enough to break who walks through it. */
export const anything: Shape<unknown> = (value) => (isDeep(value, MAX_DEPTH) ? 'is too deep' : undefined);

/** A property in front of where something is wrong in it. */
function joined(where: string, wrong: string): string {
  return /^[.[]/.test(wrong) ? where + wrong : `${where} ${wrong}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDeep(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return left === 0 || Object.values(value).some((each) => isDeep(each, left - 1));
}
