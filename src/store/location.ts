import { isAbsolute, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isKey } from './key.ts';

/** Where a store is. */
export type Location =
  | { readonly kind: 'directory'; readonly path: string }
  /** `bucket` is a bucket's name or the ARN of an access point; `prefix` has no slashes at its ends, and may be empty. */
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

/** As S3 and its compatibles name buckets; older ones have capitals and underscores. */
const BUCKET = /^([A-Za-z0-9][A-Za-z0-9._-]{1,254})(?:\/|$)/;

/** Of an access point in one region, which stands in a bucket's place. */
const ACCESS_POINT = /^(arn:aws[a-z-]*:s3:[a-z0-9-]+:\d{12}:accesspoint[:/][a-z0-9][a-z0-9-]{1,61}[a-z0-9])(?:\/|$)/;

/** Reads `s3://bucket[/prefix]`, an absolute path, or a `file://` URL. Undefined for anything else, such as a location with credentials in it. */
export function parseLocation(text: string): Location | undefined {
  if (isAbsolute(text)) return { kind: 'directory', path: normalize(text) };
  if (text.startsWith('file://')) return fileLocation(text);
  return text.startsWith('s3://') ? s3Location(text.slice('s3://'.length)) : undefined;
}

function fileLocation(url: string): Location | undefined {
  try {
    return { kind: 'directory', path: normalize(fileURLToPath(url)) };
  } catch {
    return undefined;
  }
}

function s3Location(rest: string): Location | undefined {
  const [whole, bucket] = ACCESS_POINT.exec(rest) ?? BUCKET.exec(rest) ?? [];
  if (whole === undefined || bucket === undefined) return undefined;
  const prefix = rest.slice(whole.length).split('/').filter((segment) => segment !== '').join('/');
  return prefix === '' || isKey(prefix) ? { kind: 's3', bucket, prefix } : undefined;
}
