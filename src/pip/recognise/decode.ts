import { PkgCacheError } from '../../errors.ts';

const DECLARATION = /coding[:=]\s*([-\w.]+)/;
const UTF8: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'utf_8']);
const LATIN1: ReadonlySet<string> = new Set(['latin-1', 'latin1', 'latin_1', 'iso-8859-1', 'iso8859-1', 'iso_8859_1']);
/** White space or line ends to Python or to JavaScript but not to both; none of it belongs in a requirements file. */
// eslint-disable-next-line no-control-regex -- control characters are the point
const STRANGE = /[\x00-\x08\x0e-\x1b\x1f\ufeff]/;

/**
 * The text of a requirements file, as pip's `_decode_req_file` finds its encoding: byte order mark, PEP 263 comment, UTF-8.
 * Throws UNRECOGNISED for encodings that only Python knows, and for bytes that pip would read by the locale.
 */
export function decodeRequirements(bytes: Buffer): string {
  const text = decode(bytes);
  if (STRANGE.test(text)) throw new PkgCacheError('UNRECOGNISED', 'a requirements file holds unexpected characters');
  return text;
}

function decode(bytes: Buffer): string {
  if (startsWith(bytes, 0xef, 0xbb, 0xbf)) return strict('utf-8', bytes.subarray(3));
  // A UTF-32 mark begins like a UTF-16 one; its zeros are refused as unexpected characters.
  if (startsWith(bytes, 0xff, 0xfe)) return strict('utf-16le', bytes.subarray(2));
  if (startsWith(bytes, 0xfe, 0xff)) return strict('utf-16be', bytes.subarray(2));
  const declared = declaredEncoding(bytes);
  if (declared === undefined || UTF8.has(declared)) return strict('utf-8', bytes);
  if (LATIN1.has(declared)) return bytes.toString('latin1');
  throw new PkgCacheError('UNRECOGNISED', `a requirements file in ${declared}`);
}

function startsWith(bytes: Buffer, ...mark: number[]): boolean {
  return mark.every((byte, i) => bytes[i] === byte);
}

/** PEP 263, in a comment that begins one of the first two lines. */
function declaredEncoding(bytes: Buffer): string | undefined {
  const lines = bytes.subarray(0, 4096).toString('latin1').split('\n').slice(0, 2);
  const matches = lines.filter((line) => line.startsWith('#')).map((line) => DECLARATION.exec(line)?.[1]);
  return matches.find((name) => name !== undefined)?.toLowerCase();
}

function strict(encoding: string, bytes: Buffer): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new PkgCacheError('UNRECOGNISED', `a requirements file is not ${encoding}`, { cause });
  }
}
