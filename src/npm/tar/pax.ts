import { isUtf8 } from 'node:buffer';
import { invalid } from '../../archive/failure.ts';
import { BLOCK } from '../../archive/format.ts';

/** What extension headers say about the member behind them. */
export interface Extension {
  readonly path?: string;
  readonly linkpath?: string;
  readonly size?: number;
}

/** Records that change nothing about what npm leaves: times, owners, comments, extended attributes, what npm once added. */
const INERT = /^(?:[acm]time|[ug]id|[ug]name|comment|(?:SCHILY|LIBARCHIVE|NODETAR)\..+)$/;

/**
 * The records of a PAX header (pax.js, Pax.parse) that have an effect. node-tar reads them line by line, and overlooks
 * a record that spans two or whose length is wrong; so only bodies without either are taken. Throws ARCHIVE_INVALID
 * for those, and for records that are not known here.
 */
export function readPax(body: Buffer): Extension {
  const extension: { path?: string; linkpath?: string; size?: number } = {};
  for (const [key, value] of records(textOf(body))) {
    if (key === 'path' || key === 'linkpath') extension[key] = ungarbled(value, body);
    else if (key === 'size') extension.size = decimal(value);
    else if (!INERT.test(key)) throw invalid(`a PAX record ${JSON.stringify(key.slice(0, 40))} is not known`);
  }
  return extension;
}

/** The same for a global header, as `git archive` writes one: it must not say anything about all members. */
export function checkGlobalPax(body: Buffer): void {
  if (Object.keys(readPax(body)).length > 0) throw invalid('a global PAX header has more than comments');
}

/** The name in a GNU long name or long link header (parse.js, EMITMETA): up to the NUL, which ends the body. */
export function readLongName(body: Buffer): string {
  const text = textOf(body).replace(/\0$/, '');
  if (text.includes('\0')) throw invalid('a long name holds a NUL');
  return ungarbled(text, body);
}

function* records(text: string): Generator<[key: string, value: string]> {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw invalid('the last PAX record has no end');
  for (const line of lines) {
    const [, length, key, value] = RECORD.exec(line) ?? [];
    if (key === undefined || value === undefined || Number(length) !== Buffer.byteLength(line) + 1) throw invalid('a PAX record is malformed');
    yield [key, value];
  }
}

/** Control characters are for `unsafePath` to find, but for those that node-tar would cut off with what follows. */
const RECORD = /^([1-9]\d*) ([^=\0]+)=([^\0]*)$/;

function decimal(value: string): number {
  const size = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(size)) throw invalid('a PAX size is no number');
  return size;
}

function textOf(body: Buffer): string {
  if (!isUtf8(body)) throw invalid('an extension header is not UTF-8');
  return body.toString();
}

/**
 * Throws for a name that node-tar might garble: it decodes what has come of a body chunk by chunk, where chunks end
 * anywhere. Within one block they do not, and ASCII does not mind.
 */
function ungarbled(name: string, body: Buffer): string {
  if (body.length > BLOCK && Buffer.byteLength(name) !== name.length) throw invalid('an extension header of several blocks has a name that is not ASCII');
  return name;
}
