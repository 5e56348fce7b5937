import type { Env } from '../../config.ts';
import type { NpmKey } from './keys-served.ts';
import { parseUmask } from './umask.ts';
import { type Places, resolvePath } from './validate.ts';
import { itemsOf, PATH, type TypeItem, UMASK, type Value } from './value-types.ts';

/** What reading a value depends on. */
export interface FieldContext extends Places {
  readonly env: Env;
  readonly optionalVariables: boolean;
}

const VARIABLE = /(?<!\\)(\\*)\$\{([^${}]+)\}/g;

/** Fills in `${VAR}`, and `${VAR?}` where this npm has it; an unset variable stays as it is (`env-replace.js`). */
export function replaceVariables(text: string, { env, optionalVariables }: FieldContext): string {
  return text.replace(VARIABLE, (whole, escapes: string, word: string) => {
    const optional = optionalVariables && word.endsWith('?');
    const name = optional ? word.slice(0, -1) : word;
    if (optionalVariables && (name === '' || name.includes('?'))) return whole;
    if (escapes.length % 2 === 1) return whole.slice((escapes.length + 1) / 2);
    return escapes.slice(escapes.length / 2) + (env[name] ?? (optional ? '' : `\${${name}}`));
  });
}

/** A raw value as the type of its key wants it (`parse-field.js`); without a key, as npm reads settings that it does not know. */
export function parseField(raw: Value, key: NpmKey | undefined, ctx: FieldContext): Value {
  return parse(raw, key === undefined ? [] : itemsOf(key.type), ctx, true);
}

function parse(raw: Value, types: readonly TypeItem[], ctx: FieldContext, mayBeList: boolean): Value {
  const has = (type: TypeItem): boolean => types.includes(type);
  const many = mayBeList && has(Array);
  if (Array.isArray(raw)) return many ? (raw as readonly Value[]).map((one) => parse(one, types, ctx, false)) : (raw as readonly Value[]);
  if (typeof raw !== 'string') return raw;
  const text = raw.trim();
  if (many) return text.split('\n\n').map((one) => parse(one, types, ctx, false));
  const isString = has(PATH) || has(String);
  if (has(Boolean) && !isString && text === '') return true;
  if (!isString && !has(Number)) {
    const word = WORDS.get(text);
    if (word !== undefined) return word.value;
  }
  return convert(replaceVariables(text, ctx), has, ctx);
}

const WORDS: ReadonlyMap<string, { readonly value: Value }> = new Map([
  ['true', { value: true }],
  ['false', { value: false }],
  ['null', { value: null }],
  ['undefined', { value: undefined }],
]);

function convert(text: string, has: (type: TypeItem) => boolean, ctx: FieldContext): Value {
  if (has(Date)) return new Date(text);
  if (has(PATH)) return resolvePath(text, ctx);
  if (has(UMASK)) return parseUmask(text) ?? text;
  return has(Number) && !Number.isNaN(Number(text)) ? Number(text) : text;
}
