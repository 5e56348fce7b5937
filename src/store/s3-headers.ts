import type { S3Client } from '@aws-sdk/client-s3';
import type { HttpRequest } from '@smithy/core/protocols';
import { createHash } from 'node:crypto';
import type { S3Settings } from './s3-options.ts';

/** Commands that make an object, and so say how it is encrypted. */
const CREATES = new Set(['PutObjectCommand', 'CreateMultipartUploadCommand']);

/** Commands whose body is a piece of an object. */
const SENDS = new Set(['PutObjectCommand', 'UploadPartCommand']);

/** Has a client say who pays, how objects are encrypted, and what the MD5 of a body is. */
export function addHeaders(client: S3Client, settings: S3Settings): void {
  client.middlewareStack.add(
    (next, { commandName = '' }) => async (args) => {
      const request = args.request as HttpRequest;
      Object.assign(request.headers, payer(settings), CREATES.has(commandName) && encryption(settings), SENDS.has(commandName) && digest(request.body));
      return await next(args);
    },
    { step: 'build', priority: 'low', name: 'addHeaders' },
  );
}

function payer({ s3RequestPayer }: S3Settings): object {
  return s3RequestPayer === undefined ? {} : { 'x-amz-request-payer': s3RequestPayer };
}

function encryption({ s3Sse, s3SseKmsKeyId }: S3Settings): object {
  const kind = s3Sse ?? (s3SseKmsKeyId === undefined ? undefined : 'aws:kms');
  return {
    ...(kind !== undefined && { 'x-amz-server-side-encryption': kind }),
    ...(s3SseKmsKeyId !== undefined && { 'x-amz-server-side-encryption-aws-kms-key-id': s3SseKmsKeyId }),
  };
}

/**
 * Buckets whose objects are locked by default take no write without a checksum; all servers find damage on the way by it. MD5 because
 * every compatible knows it, as it does not the newer ones. A Node in FIPS mode has none: it sends SHA-256 as AWS has it.
 */
function digest(body: unknown): object {
  if (!(body instanceof Uint8Array)) return {};
  try {
    return { 'content-md5': createHash('md5').update(body).digest('base64') };
  } catch {
    return { 'x-amz-checksum-sha256': createHash('sha256').update(body).digest('base64') };
  }
}
