import { createHash } from 'node:crypto';

/** The integrity of a tarball as lockfiles write it: SSRI with one SHA-512. */
export function integrityOf(bytes: Uint8Array): string {
  return `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
}

/** Whether the bytes are those that a lockfile's `integrity` asks for. */
export function verifyIntegrity(bytes: Uint8Array, integrity: string): boolean {
  return integrityProblem(bytes, integrity) === undefined;
}

/**
 * Why bytes are not what an SSRI string asks for, or undefined if they are. Only the strongest algorithm in the string
 * counts, of which any hash may fit (ssri: `pickAlgorithm`, `match`); SHA-512 is the strongest that it can name. A
 * string without one (SHA-1, from lockfiles of old) is never fulfilled: it proves too little to share bytes by it.
 */
export function integrityProblem(bytes: Uint8Array, integrity: string): string | undefined {
  const wanted = sha512In(integrity);
  if (wanted.length === 0) return 'its integrity has no SHA-512';
  return wanted.includes(integrityOf(bytes)) ? undefined : 'its bytes have another SHA-512 than its integrity says';
}

/** The SHA-512 hashes of an SSRI string, each as `integrityOf` writes it; options (`?…`) are dropped, as ssri does. */
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
