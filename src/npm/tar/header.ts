import { Header } from 'tar/header';
import { invalid } from '../../archive/failure.ts';
import { BLOCK, END } from '../../archive/format.ts';

/** What a header block says, before extension headers are applied. */
export interface TarHeader {
  /** With the prefix, where there is one. Not looked at for safety. */
  readonly path: string;
  /** Permission bits and whatever else stands there. */
  readonly mode: number;
  /** Of the body, in bytes; negative where none is given that makes sense. */
  readonly size: number;
  /** The type flag; `0` also for the NUL of old archives. */
  readonly type: string;
  readonly linkpath: string;
}

/**
 * Decodes the header block at `at`, as node-tar does (header.js, decode); undefined for a block of zeros. The headers
 * that npm writes are recognised here, all others node-tar's own `Header` reads. Throws ARCHIVE_INVALID for what
 * node-tar would skip with a warning (a wrong checksum, no path), and for names that are not UTF-8.
 */
export function readHeader(tar: Buffer, at: number): TarHeader | undefined {
  return readPlain(tar, at) ?? readOdd(tar, at);
}

/** Offsets of the fields of a ustar header. */
const AT = { name: 0, mode: 100, uid: 108, gid: 116, size: 124, mtime: 136, checksum: 148, type: 156, linkpath: 157, magic: 257, major: 329, minor: 337, prefix: 345, atime: 476, ctime: 488 };
/** Numbers that are of no interest, but which node-tar decodes and throws about when they are base-256 and wrong. */
const UNUSED = [AT.uid, AT.gid, AT.mtime, AT.major, AT.minor, AT.atime, AT.ctime];
const MAGIC = Buffer.from('ustar\u000000');

/** A header of printable ASCII and octal numbers, no link, with nothing behind the NULs. */
function readPlain(tar: Buffer, at: number): TarHeader | undefined {
  if (!holds(tar, at + AT.magic, MAGIC) || !isZero(tar, at + AT.linkpath, 100)) return undefined;
  if (UNUSED.some((field) => (tar[at + field] ?? 0) >= 0x80)) return undefined;
  const name = text(tar, at + AT.name, 100);
  const prefix = tar[at + AT.prefix] === 0 ? noPrefix(tar, at) : text(tar, at + AT.prefix, 155);
  const mode = octal(tar, at + AT.mode, 8);
  const size = octal(tar, at + AT.size, 12);
  if (name === undefined || prefix === undefined || mode === undefined || size === undefined) return undefined;
  if (octal(tar, at + AT.checksum, 8) !== sumOf(tar, at)) return undefined;
  return { path: prefix === '' ? name : `${prefix}/${name}`, mode, size, type: typeAt(tar, at), linkpath: '' };
}

/** The prefix field is empty if also its 131st byte is zero; from there on it may hold times. */
function noPrefix(tar: Buffer, at: number): string | undefined {
  return isZero(tar, at + AT.prefix, 131) ? '' : undefined;
}

/** Anything else: GNU and v7 headers, names that are not ASCII, base-256 numbers, garbage. */
function readOdd(tar: Buffer, at: number): TarHeader | undefined {
  const header = decode(tar, at);
  if (header.nullBlock) return undefined;
  if (!header.cksumValid) throw invalid('a header has a wrong checksum');
  const { path = '', mode = 0, size = -1, linkpath = '' } = header;
  if (path === '') throw invalid('a member has no path');
  if (path.includes('\ufffd')) throw invalid('a path is not UTF-8');
  // Whether a file is a directory by its slash, node-tar decides before it puts the prefix in front.
  if (path.endsWith('/') && header.type === 'File') throw invalid('a header has a prefix and no name');
  return { path, mode, size, type: typeAt(tar, at), linkpath };
}

function decode(tar: Buffer, at: number): Header {
  try {
    return new Header(tar, at);
  } catch (cause) {
    throw invalid('a header cannot be decoded', cause);
  }
}

/** The type flag. node-tar takes a NUL for a file, and reads one byte as UTF-8. */
function typeAt(tar: Buffer, at: number): string {
  const flag = tar[at + AT.type] ?? 0;
  return flag === 0 ? '0' : String.fromCharCode(flag);
}

/** Printable ASCII up to a NUL or the end of the field, and then only zeros; else undefined. */
function text(tar: Buffer, start: number, width: number): string | undefined {
  let end = start;
  for (; end < start + width && tar[end] !== 0; end++) {
    const byte = tar[end] ?? 0;
    if (byte < 0x20 || byte > 0x7e) return undefined;
  }
  return end > start && isZero(tar, end, start + width - end) ? tar.toString('latin1', start, end) : undefined;
}

/** Octal digits, after spaces if need be, up to a space or a NUL; else undefined. */
function octal(tar: Buffer, start: number, width: number): number | undefined {
  let at = start;
  const end = start + width;
  while (at < end && tar[at] === 0x20) at++;
  const first = at;
  let value = 0;
  for (let digit = (tar[at] ?? 0) - 0x30; at < end && digit >= 0 && digit < 8; digit = (tar[++at] ?? 0) - 0x30) value = value * 8 + digit;
  return at > first && at < end && (tar[at] === 0x20 || tar[at] === 0) ? value : undefined;
}

/** The sum of the header's bytes, in which the checksum itself counts as 8 spaces. */
function sumOf(tar: Buffer, at: number): number {
  let sum = 8 * 0x20;
  for (let i = at; i < at + AT.checksum; i++) sum += tar[i] ?? 0;
  for (let i = at + AT.type; i < at + BLOCK; i++) sum += tar[i] ?? 0;
  return sum;
}

function holds(tar: Buffer, start: number, bytes: Buffer): boolean {
  return tar.compare(bytes, 0, bytes.length, start, start + bytes.length) === 0;
}

/** Whether `length` bytes, at most two blocks, are zero. */
export function isZero(tar: Buffer, start: number, length: number): boolean {
  return tar.compare(END, 0, length, start, start + length) === 0;
}
