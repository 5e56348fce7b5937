import { invalid } from '../../archive/failure.ts';
import { BLOCK, padding } from '../../archive/format.ts';
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
export function readMembers(tar: Buffer): Member[] {
  const members: Member[] = [];
  let extension: Extension = {};
  let at = 0;
  for (let count = 0; ; count++) {
    const header = headerAt(tar, at);
    if (header === undefined) break;
    if (count >= MAX_MEMBERS) throw invalid(`the tarball has more than ${MAX_MEMBERS} members`);
    at += BLOCK;
    const size = header.type === DIRECTORY ? 0 : header.size;
    const end = at + size + padding(size);
    if (size < 0 || !(end <= tar.length)) throw invalid('the tarball ends within a member');
    const known = readExtension(header, tar.subarray(at, at + (isExtension(header) ? size : 0)), extension);
    if (known !== undefined) {
      extension = known;
    } else {
      // A file whose path ends with a slash is a directory from the time before those had a type: header.js.
      const member = apply(header, extension, at);
      if (header.type === FILE && !member.path.endsWith('/')) members.push(member);
      else if (header.type === FILE && size > 0) throw invalid('a directory has a body');
      extension = {};
    }
    at = end;
  }
  if (Object.keys(extension).length > 0) throw invalid('an extension header has no member');
  expectEnd(tar, at);
  return members;
}

function headerAt(tar: Buffer, at: number): TarHeader | undefined {
  if (at + BLOCK > tar.length) throw invalid('the tarball ends too early');
  return readHeader(tar, at);
}

/** Whether a member only says something about the next one, or about all. */
function isExtension({ type }: TarHeader): boolean {
  return type === 'x' || type === 'g' || type === 'L' || type === 'K';
}

/** What is known about the next member after this one, if this is an extension header; else undefined. */
function readExtension(header: TarHeader, body: Buffer, known: Extension): Extension | undefined {
  if (!isExtension(header)) return undefined;
  if (header.linkpath !== '' || body.length === 0 || body.length > MAX_EXTENSION) throw invalid('an extension header has no or too large a body');
  // Versions of node-tar differ in whether one extension header applies to the next: header.js.
  if (Object.keys(known).length > 0 && !isPairOfNames(header, known)) throw invalid('two extension headers precede one member');
  if (header.type === 'L') return { ...known, path: readLongName(body) };
  if (header.type === 'K') return { ...known, linkpath: readLongName(body) };
  if (header.type === 'x') return readPax(body);
  checkGlobalPax(body);
  return known;
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

/** After the two blocks of zeros node-tar ignores whatever comes; here it has to be more of the same. */
function expectEnd(tar: Buffer, from: number): void {
  if (from + 2 * BLOCK > tar.length) throw invalid('the tarball ends too early');
  for (let at = from; at < tar.length; at += BLOCK) {
    if (!isZero(tar, at, Math.min(BLOCK, tar.length - at))) throw invalid('something follows the end of the tarball');
  }
}
