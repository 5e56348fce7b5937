/** A tar writer that shares nothing with the code under test and writes whatever it is told, right or wrong. */
export interface Raw {
  name: string;
  body?: string | Buffer;
  type?: string;
  mode?: number;
  /** The size field, if it is not to tell the truth. */
  size?: number | Buffer;
  mtime?: number;
  uid?: number;
  linkname?: string;
  prefix?: string;
  checksum?: number;
}

export const END = Buffer.alloc(1024);

/** A header block and the padded body. */
export function member({ name, body = '', type = '0', mode = 0o644, size, mtime = 0, uid = 0, linkname = '', prefix = '', checksum }: Raw): Buffer {
  const bytes = Buffer.from(body);
  const block = Buffer.alloc(512);
  block.write(name, 0, 100);
  block.write(field(mode, 8), 100);
  block.write(field(uid, 8), 108);
  block.write(field(0, 8), 116);
  if (Buffer.isBuffer(size)) size.copy(block, 124);
  else block.write(field(size ?? bytes.length, 12), 124);
  block.write(field(mtime, 12), 136);
  block.write(type, 156);
  block.write(linkname, 157, 100);
  block.write('ustar\x0000', 257);
  block.write(field(0, 8), 329);
  block.write(field(0, 8), 337);
  block.write(prefix, 345, 155);
  block.fill(' ', 148, 156);
  block.write(field(checksum ?? block.reduce((a, b) => a + b, 0), 8), 148);
  return Buffer.concat([block, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** A PAX header with the records `key=value`, or with raw text. */
export function pax(records: Record<string, string | number> | string, type = 'x'): Buffer {
  const body = typeof records === 'string' ? records : Object.entries(records).map(([key, value]) => record(key, value)).join('');
  return member({ name: 'PaxHeader/x', body, type });
}

function record(key: string, value: string | number): string {
  const text = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(text);
  while (length !== Buffer.byteLength(text) + String(length).length) length = Buffer.byteLength(text) + String(length).length;
  return `${length}${text}`;
}

/** Octal digits, a space and a NUL, or (11 digits) only the NUL. */
function field(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 2, '0').padEnd(width - 1, ' ')}\0`;
}
