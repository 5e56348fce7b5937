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
  if (SHORT_NAME.test(name) && size <= MAX_OCTAL) return shortHeader(member);
  const block = Buffer.alloc(BLOCK);
  if (!encodeUstar(member, block)) return block;
  return Buffer.concat([new Pax(size > MAX_OCTAL ? { path: name, size } : { path: name }).encode(), block]);
}

/** node-tar's ustar header; true when it does not say everything and a PAX header has to. */
function encodeUstar({ name, size, executable, mtime = 0 }: Member, block: Buffer): boolean {
  const fields = { path: name, mode: modeOf(executable), uid: 0, gid: 0, size, mtime: new Date(mtime * 1000) };
  return new Header({ ...fields, type: 'File' }).encode(block);
}

/** The names that `shortHeader` can write. */
const SHORT_NAME = /^[\x20-\x7e]{1,99}$/;

/** The same bytes as `encodeUstar`, from a copy of one header that it made: that takes a tenth of the time. */
function shortHeader({ name, size, executable, mtime = 0 }: Member): Buffer {
  const { blank, tail } = executable ? (executableTemplate ??= template(true)) : (plainTemplate ??= template(false));
  scratch.set(blank);
  scratch.write(name, 0, 'latin1');
  scratch.write(octal(size), SIZE_AT, 'latin1');
  scratch.write(octal(mtime), MTIME_AT, 'latin1');
  const checksum = sum(scratch, 0, CHECKSUM_AT) + tail;
  scratch.write(`${checksum.toString(8).padStart(6, '0')} \0`, CHECKSUM_AT, 'latin1');
  return scratch;
}

const scratch = Buffer.alloc(BLOCK);

/** Offsets of the fields in a ustar header that differ between plain members. */
const SIZE_AT = 124;
const MTIME_AT = 136;
const CHECKSUM_AT = 148;

/** A header without name, size and mtime, and the sum of its bytes from the checksum on (which counts as 8 spaces). */
interface Template {
  readonly blank: Buffer;
  readonly tail: number;
}

let plainTemplate: Template | undefined;
let executableTemplate: Template | undefined;

function template(executable: boolean): Template {
  const blank = Buffer.alloc(BLOCK);
  encodeUstar({ name: '', size: 0, executable, mtime: 0 }, blank);
  blank.fill(' ', CHECKSUM_AT, CHECKSUM_AT + 8);
  return { blank, tail: sum(blank, CHECKSUM_AT, BLOCK) };
}

function sum(bytes: Buffer, start: number, end: number): number {
  let total = 0;
  for (let i = start; i < end; i++) total += bytes[i] ?? 0;
  return total;
}

/** A number of up to 11 digits as node-tar writes it: padded to 10 digits and a space. */
function octal(value: number): string {
  return value.toString(8).padStart(10, '0').padEnd(11, ' ');
}

/** The header of `files.json`, whose length is `size` bytes. */
export function listHeader(size: number): Buffer {
  return memberHeader({ name: LIST_NAME, size, executable: false, mtime: undefined });
}

/** The header of a file of the tree. */
export function fileHeader(file: { path: string; size: number; executable: boolean; mtime?: number }): Buffer {
  return memberHeader({ name: `tree/${file.path}`, size: file.size, executable: file.executable, mtime: file.mtime });
}

/** The permission bits of a file, in the archive and on disk. */
export function modeOf(executable: boolean): number {
  return executable ? 0o755 : 0o644;
}

/** How many zero bytes follow a body of `size` bytes. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
