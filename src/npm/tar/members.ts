import { invalid } from '../../archive/failure.ts';
import { BLOCK, padding } from '../../archive/format.ts';
import { CHUNK, type Reader } from '../../archive/source.ts';
import type { Tar } from './gunzip.ts';
import { isZero, readHeader, type TarHeader } from './header.ts';
import { checkGlobalPax, readLongName, readPax, type Extension } from './pax.ts';

/** A regular file in a tar. */
export interface Member {
  /** As the archive has it, not looked at for safety. */
  readonly path: string;
  readonly mode: number;
  /** Where its bytes begin and how many there are. */
  readonly start: number;
  readonly size: number;
}

/** More than any package has. */
const MAX_MEMBERS = 200_000;
/** Longer extension headers node-tar skips (parse.js, maxMetaEntrySize). */
const MAX_EXTENSION = 1 << 20;
/** Links and devices: pacote's filter drops them (fetcher.js, tarxOptions). */
const DROPPED = /^[12346]$/;
const DIRECTORY = '5';
const FILE = '0';

/**
 * The regular files of a tar, in its order, as node-tar's Parser finds them. Directories are left out because pacote's
 * filter drops them, empty ones too; links and devices likewise. Throws ARCHIVE_INVALID for what node-tar would repair,
 * skip with a warning, or read differently from one version to the next.
 */
export function readMembers({ size: length, open }: Tar): Member[] {
  const members: Member[] = [];
  const reader = open();
  try {
    let extension: Extension = {};
    let at = 0;
    for (let count = 0; ; count++) {
      const header = readHeader(reader.window, reader.take(BLOCK));
      at += BLOCK;
      if (header === undefined) break;
      if (count >= MAX_MEMBERS) throw invalid(`the tarball has more than ${MAX_MEMBERS} members`);
      const size = header.type === DIRECTORY ? 0 : header.size;
      const whole = size + padding(size);
      if (size < 0 || !(at + whole <= length)) throw invalid('the tarball ends within a member');
      if (isExtension(header)) {
        extension = readExtension(header, reader, extension);
      } else {
        // A file whose path ends with a slash is a directory from the time before those had a type: header.js.
        const member = apply(header, extension, at);
        if (header.type === FILE && !member.path.endsWith('/')) members.push(member);
        else if (header.type === FILE && size > 0) throw invalid('a directory has a body');
        extension = {};
        skip(reader, whole);
      }
      at += whole;
    }
    if (Object.keys(extension).length > 0) throw invalid('an extension header has no member');
    expectEnd(reader, length - at);
    return members;
  } finally {
    reader.close();
  }
}

/** Passes over the next `length` bytes. */
export function skip(reader: Reader, length: number): void {
  for (let left = length; left > 0; left -= CHUNK) reader.take(Math.min(left, CHUNK));
}

/** Whether a member only says something about the next one, or about all. */
function isExtension({ type }: TarHeader): boolean {
  return type === 'x' || type === 'g' || type === 'L' || type === 'K';
}

/** What is known about the next member after this extension header, whose body is taken from the reader. */
function readExtension(header: TarHeader, reader: Reader, known: Extension): Extension {
  const { type, size, linkpath } = header;
  if (linkpath !== '' || size === 0 || size > MAX_EXTENSION) throw invalid('an extension header has no or too large a body');
  const body = readBody(reader, size);
  // Versions of node-tar differ in whether one extension header applies to the next: header.js.
  if (Object.keys(known).length > 0 && !isPairOfNames(header, known)) throw invalid('two extension headers precede one member');
  if (type === 'L') return { ...known, path: readLongName(body) };
  if (type === 'K') return { ...known, linkpath: readLongName(body) };
  if (type === 'x') return readPax(body);
  checkGlobalPax(body);
  return known;
}

/** The next `size` bytes, and what pads them. */
function readBody(reader: Reader, size: number): Buffer {
  const body = Buffer.allocUnsafe(size);
  for (let done = 0; done < size; done += CHUNK) {
    const length = Math.min(size - done, CHUNK);
    const start = reader.take(length);
    reader.window.copy(body, done, start, start + length);
  }
  reader.take(padding(size));
  return body;
}

/** GNU tar writes a long link target and a long name one after the other. */
function isPairOfNames({ type }: TarHeader, known: Extension): boolean {
  return known.size === undefined && ((type === 'L' && known.path === undefined) || (type === 'K' && known.linkpath === undefined));
}

/** The member of a header. Throws for all but files, directories and what is dropped. */
function apply(header: TarHeader, extension: Extension, start: number): Member {
  const { type, mode, size } = header;
  const path = extension.path ?? header.path;
  const isLink = type === '1' || type === '2';
  if (path === '') throw invalid('a member has no path');
  if ((header.linkpath !== '') !== isLink) throw invalid('a member has a link target and is no link, or the other way round');
  if (extension.linkpath !== undefined && !isLink) throw invalid('an extension header has a link target for what is no link');
  if (extension.size !== undefined && extension.size !== size) throw invalid('a PAX size is not that of the header');
  if (DROPPED.test(type) && size > 0) throw invalid('a link or device has a body');
  if (type !== FILE && type !== DIRECTORY && !DROPPED.test(type)) throw invalid(`a member has the type ${JSON.stringify(type)}`);
  return { path, mode, start, size };
}

/** After the two blocks of zeros, of which one has been taken, node-tar ignores whatever comes; here it has to be more of the same. */
function expectEnd(reader: Reader, length: number): void {
  if (length < BLOCK) throw invalid('the tarball ends too early');
  for (let left = length; left > 0; left -= BLOCK) {
    const size = Math.min(BLOCK, left);
    if (!isZero(reader.window, reader.take(size), size)) throw invalid('something follows the end of the tarball');
  }
  if (!reader.atEnd) throw invalid('the tarball is larger than it says');
}
