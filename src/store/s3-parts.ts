import { AbortMultipartUploadCommand, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { Readable } from 'node:stream';
import type { Watch } from './backend.ts';
import { filePieces } from './payload-file.ts';
import type { FilePayload, StreamPayload } from './store.ts';

/** Bytes of a part: the least that S3 takes, since several of them are in memory at once. */
const PART = 5 * 1024 * 1024;
const PARTS_AT_ONCE = 4;

/** S3 takes at most this many parts. */
const MAX_PARTS = 10_000;

/** How long the parts of a failed upload may take to be thrown away, in milliseconds. */
const ABORT_MS = 5_000;

/**
 * Sends a file, or pieces as they are made, in parts and completes it on condition that the key is still free. Answers with the object's ETag. A
 * failed upload is aborted at the store, so that its parts are not paid for; so is one that `watch` gives up.
 */
export async function uploadParts(
  client: S3Client,
  { label, ...where }: { label: string; Bucket: string; Key: string },
  payload: FilePayload | StreamPayload,
  watch: Watch,
): Promise<string | undefined> {
  const isStream = 'pieces' in payload;
  const partSize = Math.max(PART, Math.ceil((isStream ? payload.atMost : payload.size) / MAX_PARTS));
  const body = Readable.from(isStream ? payload.pieces : filePieces(label, payload, partSize), { highWaterMark: 1 });
  const upload = new Upload({
    client: watched(client, watch.signal),
    params: { ...where, Body: body, IfNoneMatch: '*', ...(isStream ? {} : { ContentLength: payload.size }) },
    partSize,
    queueSize: PARTS_AT_ONCE,
  });
  upload.on('httpUploadProgress', ({ loaded }) => watch.progress(loaded ?? 0));
  try {
    return (await upload.done()).ETag;
  } finally {
    body.destroy();
  }
}

/** The client, with every request bound to `signal`, except the one that has to come after it. */
function watched(client: S3Client, signal: AbortSignal): S3Client {
  const send = ((command: Parameters<S3Client['send']>[0]) => {
    const abortSignal = command instanceof AbortMultipartUploadCommand ? AbortSignal.timeout(ABORT_MS) : signal;
    return client.send(command, { abortSignal });
  }) as S3Client['send'];
  return Object.assign(Object.create(client) as S3Client, { send });
}
