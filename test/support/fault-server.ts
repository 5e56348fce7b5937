import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, s3Env } from './s3-server.ts';

/** What a request meets with. `pass` is the honest answer of the origin. */
export type Fault =
  | 'pass'
  | 'refused' // nobody listens; only as the mode of a whole server
  | 'black-hole' // accepted and never answered
  | 'drip' // headers at once, then one byte a second
  | 'stall' // half the body, then nothing
  | 'forbidden' // 403 AccessDenied
  | 'expired' // 400 ExpiredToken
  | 'skewed' // 403 RequestTimeTooSkewed
  | 'no-bucket' // 404 NoSuchBucket
  | 'internal-error' // 500
  | 'slow-down' // 503 SlowDown
  | 'too-many-requests' // 429
  | 'not-implemented' // 501 NotImplemented
  | 'full' // 507 QuotaExceeded
  | 'too-large' // 413, as a proxy answers
  | 'reset' // the connection is reset without an answer
  | 'reset-body' // the connection is reset in the middle of the body
  | 'short-body' // the connection ends in good order before Content-Length is reached
  | 'short-length' // Content-Length and body are both one byte short
  | 'flipped-bit' // one bit of the body is wrong
  | 'login-page' // an HTML page with status 200
  | 'endless-list' // a listing of one key that has always a next page, which is the same
  | 'range-ignored' // the whole object where a part of it was asked for
  | 'day-ahead' // the server's clock is a day ahead of ours
  | 'complete-error'; // status 200, and an error in the body, as CompleteMultipartUpload may answer

/** Those of a store that cannot be used, each in its way: to an install they are all the same. */
export const UNUSABLE: readonly Fault[] = ['refused', 'black-hole', 'drip', 'stall', 'forbidden', 'expired', 'no-bucket', 'internal-error', 'reset-body', 'short-body'];

export interface FaultServer {
  readonly url: string;
  /** The environment of a client, as with a real server. */
  readonly env: Record<string, string>;
  /** Requests so far. */
  readonly requests: number;
  /** Method, path and headers of each, in order. */
  readonly log: readonly { method: string; path: string; headers: IncomingHttpHeaders }[];
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

type Origin = (req: IncomingMessage, body: Buffer) => Promise<Answer> | Answer;

/**
 * Plays what a real server cannot be asked to do. `fault` is one for all requests, or chosen for each. The origin behind
 * it is the server at `upstream` or, without one, objects in memory: a store that keeps whatever bytes arrive, takes
 * every write and ignores conditions.
 */
export async function startFaultServer(
  fault: Fault | ((req: IncomingMessage) => Fault | Promise<Fault>),
  { upstream }: { upstream?: string } = {},
): Promise<FaultServer> {
  if (fault === 'refused') return refused();
  const log: FaultServer['log'][number][] = [];
  const origin = upstream === undefined ? naiveStore() : forwardTo(upstream);
  const server = createServer((req, res) => {
    log.push({ method: req.method ?? '', path: req.url ?? '', headers: req.headers });
    const chosen = async (): Promise<void> => play(typeof fault === 'function' ? await fault(req) : fault, origin, req, res);
    chosen().catch(() => res.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    env: s3Env(url),
    get requests() {
      return log.length;
    },
    log,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function refused(): Promise<FaultServer> {
  const url = `http://127.0.0.1:${await freePort()}`;
  return { url, env: s3Env(url), requests: 0, log: [], stop: async () => undefined };
}

const ERRORS: Partial<Record<Fault, [status: number, code: string]>> = {
  forbidden: [403, 'AccessDenied'],
  expired: [400, 'ExpiredToken'],
  skewed: [403, 'RequestTimeTooSkewed'],
  'no-bucket': [404, 'NoSuchBucket'],
  'internal-error': [500, 'InternalError'],
  'slow-down': [503, 'SlowDown'],
  'too-many-requests': [429, 'TooManyRequests'],
  'not-implemented': [501, 'NotImplemented'],
  full: [507, 'QuotaExceeded'],
  'too-large': [413, 'EntityTooLarge'],
  'complete-error': [200, 'InternalError'],
};

async function play(fault: Fault, origin: Origin, req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (fault === 'black-hole') return;
  if (fault === 'reset') return void req.socket.resetAndDestroy();
  const sent = await buffer(req);
  const error = ERRORS[fault];
  if (error !== undefined) return answer(res, xmlError(...error));
  if (fault === 'login-page') return answer(res, LOGIN_PAGE);
  if (fault === 'endless-list') return answer(res, ENDLESS_LIST);
  const honest = await origin(req, sent);
  if (fault === 'pass') return answer(res, honest);
  if (fault === 'flipped-bit') return answer(res, { ...honest, body: flipped(honest.body) });
  if (fault === 'range-ignored') return answer(res, withoutRange(honest));
  if (fault === 'day-ahead') return answer(res, { ...honest, headers: { ...honest.headers, date: new Date(Date.now() + 86_400_000).toUTCString() } });
  if (fault === 'short-length') return answer(res, shortened(honest));
  await breakOff(fault, honest, res);
}

/** Sends the true headers and the first half of the body, and then what the fault says. */
async function breakOff(fault: Fault, { status, headers, body }: Answer, res: ServerResponse): Promise<void> {
  res.writeHead(status, headers);
  if (fault === 'drip') return await drip(body, res);
  res.write(body.subarray(0, Math.ceil(body.length / 2)));
  await sleep(50);
  if (fault === 'reset-body') res.socket?.resetAndDestroy();
  if (fault === 'short-body') res.socket?.end();
}

async function drip(body: Buffer, res: ServerResponse): Promise<void> {
  for (const byte of body) {
    if (res.destroyed) return;
    res.write(Buffer.of(byte));
    await sleep(1000);
  }
  res.end();
}

function answer(res: ServerResponse, { status, headers, body }: Answer): void {
  res.writeHead(status, headers);
  res.end(body);
}

function xmlError(status: number, code: string): Answer {
  const body = Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code}</Message>` +
      `<AWSAccessKeyId>LEAKED</AWSAccessKeyId></Error>`,
  );
  return { status, headers: { 'content-type': 'application/xml', 'content-length': String(body.length) }, body };
}

const LOGIN_PAGE: Answer = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: Buffer.from('<!doctype html><title>Sign in</title><form method="post"></form>'),
};

const ENDLESS_LIST: Answer = {
  status: 200,
  headers: { 'content-type': 'application/xml' },
  body: Buffer.from(
    '<?xml version="1.0"?><ListBucketResult><Name>test-bucket</Name><IsTruncated>true</IsTruncated>' +
      '<Contents><Key>faults/again</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>',
  ),
};

/** As if no range had been asked for; what the bytes are does not matter. */
function withoutRange({ headers: { 'content-range': range = '', ...headers } }: Answer): Answer {
  const body = Buffer.alloc(Number(/\d+$/.exec(range)?.[0]));
  return { status: 200, headers: { ...headers, 'content-length': String(body.length) }, body };
}

function flipped(body: Buffer): Buffer {
  const copy = Buffer.from(body);
  const middle = copy.length >> 1;
  copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
}

function shortened({ status, headers, body }: Answer): Answer {
  const rest = body.subarray(0, -1);
  return { status, headers: { ...headers, 'content-length': String(rest.length) }, body: rest };
}

/** Stores what is on the wire, chunk framing and all, and ignores every condition. */
function naiveStore(): Origin {
  const objects = new Map<string, Buffer>();
  return (req, body) => {
    const path = (req.url ?? '').split('?')[0] ?? '';
    if (req.method === 'PUT') objects.set(path, body);
    const object = objects.get(path);
    if (object === undefined) return xmlError(404, 'NoSuchKey');
    const length = req.method === 'PUT' ? 0 : object.length;
    const headers = { etag: '"0123456789abcdef"', 'content-length': String(length) };
    return { status: 200, headers, body: req.method === 'GET' ? object : Buffer.alloc(0) };
  };
}

/** Passes a request on as it was signed: the signature covers the Host header, so that stays the client's. */
function forwardTo(upstream: string): Origin {
  const { hostname, port } = new URL(upstream);
  return async (req, body) => {
    const { method, headers, url: path } = req;
    const passed = request({ hostname, port, method, headers, path, agent: false });
    passed.end(body);
    const [response] = (await once(passed, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 502, headers: response.headers, body: await buffer(response) };
  };
}
