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

/** What the paths of the other members begin with. */
const TREE = 'tree/';

/** A file of the tree, as far as its header says something of it. */
export interface HeadedFile {
  readonly path: string;
  readonly size: number;
  readonly executable: boolean;
  readonly mtime?: number;
}

/** The header of `files.json`, whose length is `size` bytes. */
export function listHeader(size: number): Buffer {
  return memberHeader(LIST_NAME, { size, executable: false });
}

/** The blocks in front of the bytes of a file of the tree: its ustar header, after a PAX header where one is needed. At the next call, it may be the same buffer again. */
export function fileHeader(file: HeadedFile): Buffer {
  return fileFront(file).subarray(BLOCK);
}

/** As `fileHeader`, after a block of zeros: the end of it is what lies between the bytes of one file and the header of the next. */
export function fileFront(file: HeadedFile): Buffer {
  return shortFront(file) ?? Buffer.concat([END.subarray(0, BLOCK), memberHeader(TREE + file.path, file)]);
}

/** How long the header of a file of the tree is, in bytes. `isPlain`: the path is known to be printable ASCII. */
export function headerLength(path: string, size: number, isPlain: boolean): number {
  if (isPlain && path.length <= LONGEST_SHORT && size <= MAX_OCTAL) return BLOCK;
  return fileHeader({ path, size, executable: false }).length;
}

/** By node-tar. */
function memberHeader(name: string, file: Omit<HeadedFile, 'path'>): Buffer {
  const block = Buffer.alloc(BLOCK);
  if (!encodeUstar(name, file, block)) return block;
  return Buffer.concat([new Pax(file.size > MAX_OCTAL ? { path: name, size: file.size } : { path: name }).encode(), block]);
}

/** node-tar's ustar header; true when it does not say everything and a PAX header has to. */
function encodeUstar(path: string, { size, executable, mtime = 0 }: Omit<HeadedFile, 'path'>, block: Buffer): boolean {
  const fields = { path, mode: modeOf(executable), uid: 0, gid: 0, size, mtime: new Date(mtime * 1000) };
  return new Header({ ...fields, type: 'File' }).encode(block);
}

/** The longest path that `shortFront` writes. */
const LONGEST_SHORT = 99 - TREE.length;

/** Where in a front the fields are in which plain files differ: those of the ustar header, after a block. */
const PATH_AT = BLOCK + TREE.length;
const SIZE_AT = BLOCK + 124;
const MTIME_AT = BLOCK + 136;
const CHECKSUM_AT = BLOCK + 148;

/** A front that is written again and again. */
interface Template {
  readonly front: Buffer;
  /** The sum of all bytes of its header but path, size and mtime, with the checksum counted as 8 spaces. */
  readonly rest: number;
  /** How much of the path may have been written to. */
  length: number;
}

let executableTemplate: Template | undefined;
let plainTemplate: Template | undefined;

function template(executable: boolean): Template {
  const front = Buffer.alloc(2 * BLOCK);
  encodeUstar(TREE, { size: 0, executable }, front.subarray(BLOCK));
  front.fill(' ', CHECKSUM_AT, CHECKSUM_AT + 8);
  front.fill(0, SIZE_AT, SIZE_AT + 11).fill(0, MTIME_AT, MTIME_AT + 11);
  const rest = front.reduce((total, byte) => total + byte, 0);
  front[CHECKSUM_AT + 7] = 0;
  return { front, rest, length: 0 };
}

/**
 * The front of a file whose path is short printable ASCII; undefined for another. The same bytes as `encodeUstar` makes, in a copy of one header
 * that it made, byte by byte: that takes a hundredth of the time. All of unpacking makes one for every file.
 */
function shortFront({ path, size, executable, mtime = 0 }: HeadedFile): Buffer | undefined {
  const { length } = path;
  if (length === 0 || length > LONGEST_SHORT || size > MAX_OCTAL) return undefined;
  const made = executable ? (executableTemplate ??= template(true)) : (plainTemplate ??= template(false));
  const { front } = made;
  for (let i = length; i < made.length; i++) front[PATH_AT + i] = 0;
  made.length = length;
  let sum = made.rest;
  for (let i = 0; i < length; i++) {
    const byte = path.charCodeAt(i);
    if (byte < 0x20 || byte > 0x7e) return undefined;
    front[PATH_AT + i] = byte;
    sum += byte;
  }
  sum += writeOctal(front, SIZE_AT, size) + writeOctal(front, MTIME_AT, mtime);
  for (let i = CHECKSUM_AT + 5; i >= CHECKSUM_AT; i--) {
    front[i] = ZERO + (sum & 7);
    sum >>= 3;
  }
  return front;
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

/** The size in a header, or undefined where it is not written as it is here. */
export function sizeIn(header: Buffer): number | undefined {
  const digits = header.toString('latin1', SIZE_AT - BLOCK, SIZE_AT - BLOCK + 11).trimEnd();
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
