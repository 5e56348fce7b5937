import { sha256 } from '../hash.ts';

/** The bytes of a small object: one line with the hex SHA-256 of what follows, and a JSON document. */
export function seal(value: unknown): Buffer {
  const json = JSON.stringify(value);
  return Buffer.from(`${sha256(json)}\n${json}\n`);
}

/** What `seal` was given; undefined for bytes that it did not make, or that have changed since. */
export function unseal(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  const end = text.indexOf('\n');
  const json = text.slice(end + 1, -1);
  if (end !== 64 || !text.endsWith('\n') || sha256(json) !== text.slice(0, end)) return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
