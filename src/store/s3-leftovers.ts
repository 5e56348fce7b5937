import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3';

/** Age in milliseconds from which on an upload belongs to a writer that was killed. */
const LEFT_OVER_MS = 24 * 60 * 60 * 1000;

/**
 * Throws away the parts of uploads of this key that were begun a day before `now` (epoch milliseconds) and never ended.
 * A courtesy: credentials that may not list, and stores that cannot, keep them until the bucket's lifecycle rule comes.
 */
export async function abortLeftOvers(
  client: S3Client,
  { Bucket, Key }: { Bucket: string; Key: string },
  abortSignal: AbortSignal,
  now: number,
): Promise<void> {
  try {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }), { abortSignal });
    for (const { Key: key, UploadId, Initiated } of Uploads) {
      if (key !== Key || Initiated === undefined || now - Initiated.getTime() < LEFT_OVER_MS) continue;
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }), { abortSignal });
    }
  } catch {
    // The upload itself will say what is wrong, if it concerns that too.
  }
}
