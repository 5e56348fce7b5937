import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Watch } from './backend.ts';

/** Age in milliseconds from which on an upload belongs to a writer that was killed. */
const LEFT_OVER_MS = 24 * 60 * 60 * 1000;

/**
 * Throws away the parts of uploads of this key that were begun a day before `now` and never ended.
 * A courtesy: credentials that may not list, and stores that cannot, keep them until the bucket's lifecycle rule comes.
 */
export async function abortLeftOvers(
  client: S3Client,
  { Bucket, Key }: { Bucket: string; Key: string },
  watch: Watch,
  now: () => number,
): Promise<void> {
  try {
    await abortOld(client, { Bucket, Prefix: Key, only: Key }, watch, now);
  } catch {
    // The upload itself will say what is wrong, if it concerns that too.
  }
}

/** Pages of uploads that are looked at; whatever is behind them is for the next time. */
const MAX_PAGES = 100;

/**
 * The same for all keys that begin with `Prefix` (or for the one key `only`); returns how many there were. `now` is the time in epoch milliseconds
 * by the server's clock, asked for when the server has answered. Throws the SDK's errors.
 */
export async function abortOld(client: S3Client, { Bucket, Prefix, only }: { Bucket: string; Prefix: string; only?: string }, watch: Watch, now: () => number): Promise<number> {
  const abortSignal = watch.signal;
  let aborted = 0;
  let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix, ...marker }), { abortSignal });
    watch.progress(0);
    for (const { Key, UploadId, Initiated } of answer.Uploads ?? []) {
      if ((only !== undefined && Key !== only) || Initiated === undefined || now() - Initiated.getTime() < LEFT_OVER_MS) continue;
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }), { abortSignal });
      aborted++;
    }
    if (answer.IsTruncated !== true) break;
    marker = { KeyMarker: answer.NextKeyMarker, UploadIdMarker: answer.NextUploadIdMarker };
  }
  return aborted;
}
