import { refuse } from './refuse.ts';

/** A value in an npmrc file: text, a word that JSON knows, or a list (`key[]`). */
export type IniValue = string | boolean | null | readonly (string | boolean | null)[];

/** Keys that every JavaScript object has: npm takes them for settings that it knows. */
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

/**
 * Reads an npmrc file as npm's `ini` does: `key = value`, `key` alone, `key[] = value`, quotes, comments. In the order in which
 * JavaScript lists an object's keys. Throws UNRECOGNISED for sections, whose keys npm does not read as settings, and for keys
 * that no setting can have.
 */
export function parseIni(text: string): [string, IniValue][] {
  const found = Object.create(null) as Record<string, IniValue>;
  for (const line of text.split(/[\r\n]+/)) {
    if (line === '' || /^\s*([;#]|$)/.test(line)) continue;
    if (/^\[[^\]]*\]\s*$/.test(line)) refuse('a section in an npmrc file');
    const match = /^([^=]+)(=(.*))?$/.exec(line);
    if (match === null) continue;
    const raw = unquote(match[1] as string);
    if (typeof raw !== 'string') return refuse('a quoted key in an npmrc file');
    const many = raw.length > 2 && raw.endsWith('[]');
    const key = many ? raw.slice(0, -2) : raw;
    if (INHERITED.has(key)) refuse('an odd key in an npmrc file');
    addValue(found, key, many, match[2] === undefined ? true : valueOf(match[3] as string));
  }
  return Object.entries(found);
}

function addValue(found: Record<string, IniValue>, key: string, many: boolean, value: string | boolean | null): void {
  const before = found[key];
  if (Array.isArray(before)) found[key] = [...(before as readonly string[]), value];
  else if (many) found[key] = before === undefined ? [value] : [before as string, value];
  else found[key] = value;
}

function valueOf(text: string): string | boolean | null {
  const value = unquote(text);
  if (typeof value !== 'string' && typeof value !== 'boolean' && value !== null) return refuse('a quoted value in an npmrc file');
  return value === 'true' ? true : value === 'false' ? false : value === 'null' ? null : value;
}

/** `unsafe`: what is quoted is JSON if it can be, and the rest ends at a comment. */
function unquote(text: string): unknown {
  const value = text.trim();
  const quoted = (value.startsWith('"') && value.endsWith('"')) || (value.startsWith("'") && value.endsWith("'"));
  if (!quoted) return withoutComment(value);
  const inner = value.startsWith("'") ? value.slice(1, -1) : value;
  try {
    return JSON.parse(inner);
  } catch {
    return inner;
  }
}

function withoutComment(value: string): string {
  let text = '';
  for (let i = 0; i < value.length; i++) {
    const char = value[i] as string;
    if (char === ';' || char === '#') break;
    if (char !== '\\') text += char;
    else if (i + 1 < value.length) {
      i++;
      text += '\\;#'.includes(value[i] as string) ? (value[i] as string) : `\\${value[i]}`;
    } else text += '\\';
  }
  return text.trim();
}
