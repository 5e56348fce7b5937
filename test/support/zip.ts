import { crc32 } from 'node:zlib';

export interface ZipEntry {
  readonly path: string;
  readonly data: Uint8Array;
  /** Permission bits; 0o644 if not given. */
  readonly mode?: number;
}

/** The bytes of a zip file with the entries stored, not compressed, dated 1980-01-01: equal entries, equal bytes. */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.path);
    const common = commonFields(entry, name);
    const local = Buffer.concat([signature(0x04034b50), common, Buffer.alloc(2)]);
    const rest = Buffer.alloc(16);
    rest.writeUInt32LE((((entry.mode ?? 0o644) | 0o100000) << 16) >>> 0, 8);
    rest.writeUInt32LE(offset, 12);
    directory.push(signature(0x02014b50), MADE_ON_UNIX, common, rest, name);
    bodies.push(local, name, Buffer.from(entry.data));
    offset += local.length + name.length + entry.data.length;
  }
  const central = Buffer.concat(directory);
  return Buffer.concat([...bodies, central, end(entries.length, central.length, offset)]);
}

const MADE_ON_UNIX = Buffer.from([20, 3]);

/** From "version needed" to "file name length": the same in a local header and in the directory. */
function commonFields(entry: ZipEntry, name: Buffer): Buffer {
  const fields = Buffer.alloc(24);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(0x0800, 2); // names are UTF-8
  fields.writeUInt16LE(0x21, 8); // 1980-01-01
  fields.writeUInt32LE(crc32(entry.data), 10);
  fields.writeUInt32LE(entry.data.length, 14);
  fields.writeUInt32LE(entry.data.length, 18);
  fields.writeUInt16LE(name.length, 22);
  return fields;
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function end(count: number, size: number, offset: number): Buffer {
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(count, 8);
  record.writeUInt16LE(count, 10);
  record.writeUInt32LE(size, 12);
  record.writeUInt32LE(offset, 16);
  return record;
}
