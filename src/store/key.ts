import { denied } from './failure.ts';

/** One segment of a key: URL-safe, and nothing that a file system takes for itself (`.`, `..`, hidden files). */
const SEGMENT = /^[A-Za-z0-9_@][A-Za-z0-9._~+=@-]*$/;

/** Longest key, in bytes, that S3 takes together with a prefix of reasonable length. */
const MAX_KEY = 900;

/** Whether `key` is made of `/`-separated URL-safe segments, so that it means the same place in every store. */
export function isKey(key: string): boolean {
  return key.length <= MAX_KEY && key.split('/').every((segment) => segment.length <= 255 && SEGMENT.test(segment));
}

/** Throws STORE_DENIED for a key that could leave the store or alias another one. The key itself is not echoed. */
export function checkKey(label: string, key: string): void {
  if (!isKey(key)) throw denied(label, 'a key that is not a plain relative path is refused');
}
