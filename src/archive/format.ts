/**
 * The archive of an entry (for pip: a piptar), layout 1. One tree has exactly one archive, byte for byte.
 *
 *     files.json      the bytes of serialiseFiles(): path, size, sha256, mode and mtime of every file
 *     tree/<path>     every file, in the order of files.json (by code unit)
 *     two zero blocks, and nothing after them
 *
 * Uncompressed POSIX tar (ustar; IEEE 1003.1-2017, pax). Only regular files: no directories, no links.
 * Mode 0644 or 0755; mtime from the list, 0 where it has none; uid and gid 0, no names; padding is zero.
 * A path that is not ASCII or does not fit a ustar header, and a size of 8 GiB or more, is given in a PAX
 * header in front of the member; no other PAX record is used.
 *
 * Whoever has the list can therefore write down every header that must follow. A reader does so and compares
 * bytes; it never interprets a header, so there is no type, size, checksum or PAX record that could mislead it.
 */
import { Header } from 'tar/header';
import { Pax } from 'tar/pax';

/** Headers and bodies start at multiples of this many bytes. */
export const BLOCK = 512;

/** What follows the last member. */
export const END = Buffer.alloc(2 * BLOCK);

/** The name of the first member. */
export const LIST_NAME = 'files.json';

/** The largest number that the 11 octal digits of a ustar field hold. */
export const MAX_OCTAL = 0o77777777777;

/** What a header says about its member. */
export interface Member {
  readonly name: string;
  readonly size: number;
  readonly executable: boolean;
  readonly mtime: number | undefined;
}

/**
 * The blocks in front of a member's bytes: its ustar header, after a PAX header where one is needed.
 * Like the next two functions, it may hand out the same buffer again at the next call.
 */
export function memberHeader(member: Member): Buffer {
  const { name, size } = member;
  if (isShort(name, size)) return shortHeader(member);
  const block = Buffer.alloc(BLOCK);
  if (!encodeUstar(member, block)) return block;
  return Buffer.concat([new Pax(size > MAX_OCTAL ? { path: name, size } : { path: name }).encode(), block]);
}

/** node-tar's ustar header; true when it does not say everything and a PAX header has to. */
function encodeUstar({ name, size, executable, mtime = 0 }: Member, block: Buffer): boolean {
  const fields = { path: name, mode: modeOf(executable), uid: 0, gid: 0, size, mtime: new Date(mtime * 1000) };
  return new Header({ ...fields, type: 'File' }).encode(block);
}

/** The longest name that `shortHeader` writes. */
const LONGEST_SHORT = 99;

/** Whether `shortHeader` can write it. Not by a regular expression: for text this short, calling one takes longer than looking. */
function isShort(name: string, size: number): boolean {
  if (name.length === 0 || name.length > LONGEST_SHORT || size > MAX_OCTAL) return false;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

/** Offsets of the fields in a ustar header that differ between plain members. */
const SIZE_AT = 124;
const MTIME_AT = 136;
const CHECKSUM_AT = 148;

/** A header that is written again and again: of `block`, only name, size, mtime and checksum change. */
interface Template {
  readonly block: Buffer;
  /** The sum of all its other bytes, with the checksum counted as 8 spaces, and with the end of the numbers' fields. */
  readonly rest: number;
  /** How long the last name was. */
  length: number;
}

let executableTemplate: Template | undefined;
let plainTemplate: Template | undefined;

function template(executable: boolean): Template {
  const block = Buffer.alloc(BLOCK);
  encodeUstar({ name: '', size: 0, executable, mtime: 0 }, block);
  block.fill(' ', CHECKSUM_AT, CHECKSUM_AT + 8);
  block.fill(0, SIZE_AT, SIZE_AT + 11).fill(0, MTIME_AT, MTIME_AT + 11);
  const rest = block.reduce((total, byte) => total + byte, 0);
  block[CHECKSUM_AT + 7] = 0;
  return { block, rest, length: 0 };
}

/**
 * The same bytes as `encodeUstar`, from a copy of one header that it made, byte by byte: that takes a fiftieth of the time. All of unpacking
 * makes one header for every file.
 */
function shortHeader({ name, size, executable, mtime = 0 }: Member): Buffer {
  const made = executable ? (executableTemplate ??= template(true)) : (plainTemplate ??= template(false));
  const { block } = made;
  let sum = made.rest;
  for (let i = 0; i < name.length; i++) {
    const byte = name.charCodeAt(i);
    block[i] = byte;
    sum += byte;
  }
  for (let i = name.length; i < made.length; i++) block[i] = 0;
  made.length = name.length;
  sum += writeOctal(block, SIZE_AT, size) + writeOctal(block, MTIME_AT, mtime);
  for (let i = CHECKSUM_AT + 5; i >= CHECKSUM_AT; i--) {
    block[i] = ZERO + (sum & 7);
    sum >>= 3;
  }
  return block;
}

const ZERO = 0x30;
const SPACE = 0x20;

/** The sum of the bytes of a number of up to 11 digits, which it writes as node-tar does: padded to 10 digits and a space. */
function writeOctal(block: Buffer, at: number, value: number): number {
  const eleventh = Math.floor(value / 2 ** 30);
  let rest = value % 2 ** 30;
  let start = at;
  let sum = 0;
  if (eleventh > 0) sum += block[start++] = ZERO + eleventh;
  else sum += block[at + 10] = SPACE;
  for (let i = start + 9; i >= start; i--) {
    sum += block[i] = ZERO + (rest & 7);
    rest >>= 3;
  }
  return sum;
}

/** The header of `files.json`, whose length is `size` bytes. */
export function listHeader(size: number): Buffer {
  return memberHeader({ name: LIST_NAME, size, executable: false, mtime: undefined });
}

/** The header of a file of the tree. */
export function fileHeader(file: { path: string; size: number; executable: boolean; mtime?: number }): Buffer {
  return memberHeader({ name: `tree/${file.path}`, size: file.size, executable: file.executable, mtime: file.mtime });
}

/** How long the header of a file of the tree is, in bytes. `isPlain`: the path is known to be printable ASCII. */
export function headerLength(path: string, size: number, isPlain: boolean): number {
  if (isPlain && path.length <= LONGEST_SHORT - 'tree/'.length && size <= MAX_OCTAL) return BLOCK;
  return memberHeader({ name: `tree/${path}`, size, executable: false, mtime: undefined }).length;
}

/** The size in a header, or undefined where it is not written as it is here. */
export function sizeIn(header: Buffer): number | undefined {
  const digits = header.toString('latin1', SIZE_AT, SIZE_AT + 11).trimEnd();
  return /^[0-7]{10,11}$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

/** The permission bits of a file, in the archive and on disk. */
export function modeOf(executable: boolean): number {
  return executable ? 0o755 : 0o644;
}

/** How many zero bytes follow a body of `size` bytes. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
