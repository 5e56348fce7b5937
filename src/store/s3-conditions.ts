import { HeadObjectCommand, type HeadObjectCommandInput, type S3Client } from '@aws-sdk/client-s3';
import { HttpRequest } from '@smithy/core/protocols';
import type { StoreFacts } from './facts.ts';
import { isMissing, isNotImplemented } from './s3-failure.ts';

/** How long a store that refused conditions is sent none, in milliseconds: it may learn them. */
const FORGET_MS = 86_400_000;


/**
 * Makes writes go through where conditions are not implemented (501: Backblaze B2, Aliyun OSS): the object is looked for once more, and
 * written without a condition if it is not there. `facts` remember it, so that the refused try is made once. Whoever looks and writes at the same
 * time as another then overwrites the same bytes, or others that readers verify.
 */
export function allowUnconditional(client: S3Client, facts: StoreFacts): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const request = args.request as HttpRequest;
      if (!('if-none-match' in request.headers)) return await next(args);
      if (isKnown(facts)) return await next({ ...args, request: unconditional(request) });
      try {
        return await next(args);
      } catch (error) {
        if (!isNotImplemented(error)) throw error;
        if (await exists(client, args.input as HeadObjectCommandInput)) throw conflict();
        const result = await next({ ...args, request: unconditional(request) });
        facts.note({ unconditionalAt: Date.now() });
        return result;
      }
    },
    { step: 'build', priority: 'low', name: 'allowUnconditional' },
  );
}

function isKnown(facts: StoreFacts): boolean {
  const { unconditionalAt } = facts.read();
  return typeof unconditionalAt === 'number' && Math.abs(Date.now() - unconditionalAt) < FORGET_MS;
}

function unconditional(request: HttpRequest): HttpRequest {
  const copy = HttpRequest.clone(request);
  delete copy.headers['if-none-match'];
  return copy;
}

async function exists(client: S3Client, { Bucket, Key }: HeadObjectCommandInput): Promise<boolean> {
  try {
    await client.send(new HeadObjectCommand({ Bucket, Key }));
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** What a store that knows conditions would have said. */
function conflict(): Error {
  return Object.assign(new Error('exists'), { name: 'PreconditionFailed', $metadata: { httpStatusCode: 412 } });
}
