import { createHash } from 'node:crypto';

/**
 * The hex SHA-512 of bytes that are what an SSRI string asks for; undefined if they are not. Only the strongest algorithm in the string counts,
 * of which any hash may fit (ssri: `pickAlgorithm`, `match`); SHA-512 is the strongest that it can name. A string without one (SHA-1, from
 * lockfiles of old) is never fulfilled: it proves too little to share bytes by it.
 */
export function fittingSha512(bytes: Uint8Array, integrity: string): string | undefined {
  const digest = createHash('sha512').update(bytes).digest();
  return sha512In(integrity).includes(`sha512-${digest.toString('base64')}`) ? digest.toString('hex') : undefined;
}

/** The SHA-512 hashes of an SSRI string, each as `sha512-<base64>`; options (`?…`) are dropped, as ssri does. */
export function sha512In(integrity: string): string[] {
  const hashes = integrity.trim().split(/\s+/).map((hash) => SHA512.exec(hash)?.[1]);
  return hashes.filter((hash) => hash !== undefined);
}

/** ssri's SRI_REGEX for one algorithm. A digest that is no base64 fits no bytes. */
const SHA512 = /^(sha512-[^?]+)(?:\?\S*)?$/;

/** The one SHA-512 of an SSRI string, in hex; undefined if it has none, or several. */
export function sha512Of(integrity: string): string | undefined {
  const [only, ...others] = sha512In(integrity);
  return only === undefined || others.length > 0 ? undefined : Buffer.from(only.slice('sha512-'.length), 'base64').toString('hex');
}
