import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { extendedEncodeURIComponent, HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import type { S3Clients } from './s3-client.ts';
import type { Region } from './s3-region.ts';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** An answer to a GET that has a body. */
export interface Answer {
  readonly headers: { readonly etag?: string | undefined; readonly 'content-length'?: string | undefined; readonly 'content-range'?: string | undefined };
  readonly body: Readable;
}

interface Received {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
}

/** What the SDK's requests for objects of a bucket have in common. */
interface Route {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  /** The path up to the key. */
  readonly base: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signer: SignatureV4;
}

const HASH_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Statuses for which the SDK knows more to do than to fail: bucket elsewhere, clock off, credentials to be renewed. */
const FOR_THE_SDK = new Set([301, 307, 308, 400, 401, 403]);

/** An error says what it is in its body; more bytes than this are not read. */
const LONGEST_ERROR = 64 << 10;

/**
 * GETs without the SDK's way from a command to a request and back, which takes three times as long as all the rest; a worker that starts with
 * nothing makes hundreds of them. The SDK is asked once where its requests would go and what they would say; its signer and its connections do
 * the rest.
 */
export class PlainReads {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #region: Region;
  #route: { readonly region: string; readonly found: Promise<Route | undefined> } | undefined;

  constructor({ reads, region }: Pick<S3Clients, 'reads' | 'region'>, bucket: string) {
    this.#client = reads;
    this.#region = region;
    this.#bucket = bucket;
  }

  /**
   * The answer for a key; undefined if the SDK is to be asked instead. `range` as in HTTP. Throws what the SDK's client throws:
   * an error with the name that S3 gave it, and its status.
   */
  async get(key: string, range: string | undefined, abortSignal: AbortSignal, mayLearn = true): Promise<Answer | undefined> {
    const used = this.#region.current;
    if (this.#route?.region !== used) this.#route = { region: used, found: findRoute(this.#client, this.#bucket).catch(() => undefined) };
    const route = await this.#route.found;
    if (!route) return undefined;
    const { base, signer, headers, ...server } = route;
    const path = base + key.split('/').map(extendedEncodeURIComponent).join('/');
    const request = new HttpRequest({ ...server, path, method: 'GET', headers: { ...headers, ...(range !== undefined && { range }) } });
    const signingDate = new Date(Date.now() + this.#client.config.systemClockOffset);
    const answer = await this.#client.config.requestHandler.handle(await signer.sign(request, { signingDate }), { abortSignal });
    const { statusCode, headers: received, body } = (answer as { response: Received }).response;
    if (statusCode === 200 || statusCode === 206) return { headers: received, body };
    if (!FOR_THE_SDK.has(statusCode)) throw await failure(statusCode, received, body);
    body.destroy();
    const actual = received['x-amz-bucket-region'];
    if (mayLearn && actual !== undefined && this.#region.learn(actual, used)) return await this.get(key, range, abortSignal, false);
    return undefined;
  }
}

/** Has the SDK make a request up to the point of sending it. Undefined where its requests are of another kind than ours would be. */
async function findRoute(client: S3Client, bucket: string): Promise<Route | undefined> {
  const key = 'key';
  const command = new GetObjectCommand({ Bucket: bucket, Key: key });
  let made: HttpRequest | undefined;
  command.middlewareStack.add(
    () => (args) => {
      made = args.request as HttpRequest;
      return Promise.resolve({ response: {}, output: { $metadata: {} } });
    },
    { step: 'deserialize', priority: 'high', name: 'neverSent' },
  );
  await client.send(command);
  if (made?.path.endsWith(`/${key}`) !== true) return undefined;
  const { protocol, hostname, port, path, headers } = made;
  const region = /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/s3\/aws4_request, /.exec(headers['authorization'] ?? '')?.[1];
  // Directory buckets have sessions instead of credentials.
  if (region === undefined || 'x-amz-s3session-token' in headers) return undefined;
  const { credentials, sha256 } = client.config;
  const signer = new SignatureV4({ credentials, sha256, region, service: 's3', uriEscapePath: false });
  const { host = hostname, 'user-agent': agent, 'x-amz-request-payer': payer } = headers;
  const common = { host, 'x-amz-content-sha256': HASH_OF_NOTHING, ...(agent !== undefined && { 'user-agent': agent }), ...(payer !== undefined && { 'x-amz-request-payer': payer }) };
  return { protocol, hostname, ...(port !== undefined && { port }), base: path.slice(0, -key.length), headers: common, signer };
}

/** What the SDK makes of an error's XML. */
async function failure(httpStatusCode: number, headers: Readonly<Record<string, string>>, body: Readable): Promise<Error> {
  const short = Number(headers['content-length'] ?? 0) <= LONGEST_ERROR;
  if (!short) body.destroy();
  const name = short ? /<Code>([^<]*)<\/Code>/.exec(await text(body))?.[1] : undefined;
  return Object.assign(new Error(`HTTP status ${httpStatusCode}`), { name: name ?? 'Error', $metadata: { httpStatusCode } });
}
