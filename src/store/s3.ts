import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, type GetObjectCommandInput } from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import { payloadSize, type Backend, type ListQuery, type RawPage, type Watch } from './backend.ts';
import { tooShort, unavailable, wrongBytes } from './failure.ts';
import { checkKey } from './key.ts';
import { s3Clients, type ClientOptions, type S3Clients } from './s3-client.ts';
import { isConflict, isMissing, isOutOfRange, isUnexplained, s3Failure } from './s3-failure.ts';
import { abortLeftOvers, abortOld } from './s3-leftovers.ts';
import { PlainReads, type Answer } from './s3-reads.ts';
import { readWhole } from './payload-file.ts';
import { uploadParts } from './s3-parts.ts';
import type { Payload, Range, StoredObject } from './store.ts';

export { wayToBucket } from './s3-client.ts';

/** Payloads above this many bytes are sent in parts, and only parts of them are in memory. */
const SINGLE_PUT = 16 * 1024 * 1024;

/** How many pages of a listing may have nothing in them in a row. */
const EMPTY_PAGES = 10;

export interface S3Location {
  /** A bucket's name, or the ARN of an access point. */
  readonly bucket: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
}

/** A store in a bucket. `env` holds the SDK's own variables. Fails with CONFIG if the settings make no client. */
export async function openS3(location: S3Location, env: Readonly<Record<string, string | undefined>>, options: ClientOptions = {}): Promise<Backend> {
  return new S3Backend(location, await s3Clients(env, location.bucket, options));
}

class S3Backend implements Backend {
  readonly label: string;
  readonly #location: S3Location;
  readonly #clients: S3Clients;
  readonly #plain: PlainReads;

  constructor(location: S3Location, clients: S3Clients) {
    this.label = `s3://${[location.bucket, location.prefix].filter(Boolean).join('/')}`;
    this.#location = location;
    this.#clients = clients;
    this.#plain = new PlainReads(clients, location.bucket);
  }

  async get(key: string, signal: AbortSignal, range?: Range): Promise<StoredObject | undefined> {
    const where = this.#where(key);
    const Range = range && `bytes=${range.start}-${range.start + range.length - 1}`;
    try {
      const { headers, body } = (await this.#plain.get(where.Key, Range, signal)) ?? (await this.#bySdk({ ...where, Range }, signal));
      const wrong = this.#wrongAnswer(key, headers, range);
      if (wrong === undefined) return { size: Number(headers['content-length']), body };
      body.destroy();
      throw wrong;
    } catch (error) {
      if (isMissing(error)) return undefined;
      if (isOutOfRange(error)) throw tooShort(this.label, key);
      throw s3Failure(this.label, error);
    }
  }

  async #bySdk(input: GetObjectCommandInput, abortSignal: AbortSignal): Promise<Answer> {
    const { ETag, ContentLength, ContentRange, Body } = await this.#clients.reads.send(new GetObjectCommand(input), { abortSignal });
    const headers = { etag: ETag, 'content-length': ContentLength?.toString(), 'content-range': ContentRange };
    return { headers, body: Body as Readable };
  }

  async list(prefix: string, { after, limit }: ListQuery, signal: AbortSignal): Promise<RawPage> {
    const base = this.#location.prefix === '' ? '' : `${this.#location.prefix}/`;
    const query = { Bucket: this.#location.bucket, Prefix: base + prefix, MaxKeys: limit, StartAfter: after === undefined ? undefined : base + after };
    try {
      for (let page = 0, ContinuationToken: string | undefined; ; page++) {
        const answer = await this.#clients.reads.send(new ListObjectsV2Command({ ...query, ContinuationToken }), { abortSignal: signal });
        const { Contents = [], IsTruncated: more, NextContinuationToken } = answer;
        if (more === undefined) throw this.#notS3();
        const objects = Contents.map(({ Key = '', Size = 0, LastModified, ETag }) => ({ key: Key.slice(base.length), size: Size, modified: LastModified?.getTime() ?? 0, tag: ETag }));
        // Some compatibles begin with the key itself; of a page with nothing else in it there is nothing to go on from.
        const behind = objects.filter(({ key }) => key !== after);
        if (behind.length > 0 || !more) return { objects: behind, more };
        if (NextContinuationToken === undefined || page === EMPTY_PAGES) return { objects, more };
        ContinuationToken = NextContinuationToken;
      }
    } catch (error) {
      throw s3Failure(this.label, error);
    }
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#clients.writes.send(new DeleteObjectCommand(this.#where(key)), { abortSignal: signal });
    } catch (error) {
      if (!isMissing(error)) throw s3Failure(this.label, error);
    }
  }

  async tidy(watch: Watch): Promise<number> {
    try {
      const { bucket, prefix } = this.#location;
      return await abortOld(this.#clients.writes, { Bucket: bucket, Prefix: prefix === '' ? '' : `${prefix}/` }, watch, () => this.#now());
    } catch (error) {
      if (isMissing(error)) return 0; // gofakes3 says so where there are none
      throw s3Failure(this.label, error);
    }
  }

  /** Every answer has the time in it; where there was none yet, one is asked for. */
  async now(signal: AbortSignal): Promise<number> {
    if (this.#clients.clock() === undefined) await this.list('v', { after: undefined, limit: 1 }, signal);
    return this.#now();
  }

  /** As far as it is known. */
  #now(): number {
    return this.#clients.clock() ?? Date.now();
  }

  /**
   * Asks first, so that stores that ignore conditions do no harm and a body is rarely sent for nothing; the condition on
   * the write then decides between those who asked at the same time.
   */
  async create(key: string, payload: Payload, watch: Watch): Promise<'created' | 'exists'> {
    const where = this.#where(key);
    try {
      if (await this.#exists(where, watch.signal)) return 'exists';
      watch.progress(0);
      const etag = await this.#send(where, payload, watch);
      if (etag !== undefined) return 'created';
    } catch (error) {
      // Somebody else was first, or is at it. If that comes to nothing, this was a failure.
      if (isConflict(error) && (await this.#exists(where, watch.signal))) return 'exists';
      throw s3Failure(this.label, error);
    }
    throw this.#notS3();
  }

  close(): void {
    this.#clients.close();
  }

  #where(key: string): { Bucket: string; Key: string } {
    checkKey(this.label, key);
    return { Bucket: this.#location.bucket, Key: [this.#location.prefix, key].filter(Boolean).join('/') };
  }

  async #send(where: { Bucket: string; Key: string }, payload: Payload, watch: Watch): Promise<string | undefined> {
    if (!(payload instanceof Uint8Array) && ('pieces' in payload || payload.size > SINGLE_PUT)) {
      await abortLeftOvers(this.#clients.writes, where, watch, () => this.#now());
      return await uploadParts(this.#clients.writes, { label: this.label, ...where }, payload, watch);
    }
    const Body = payload instanceof Uint8Array ? payload : await readWhole(this.label, payload);
    const command = new PutObjectCommand({ ...where, Body, ContentLength: payloadSize(payload), IfNoneMatch: '*' });
    return (await this.#clients.writes.send(command, { abortSignal: watch.signal })).ETag;
  }

  /** What is wrong with the answer to a GET. One with a range says which it has; other stores send the whole object instead. */
  #wrongAnswer(key: string, headers: Answer['headers'], range: Range | undefined): Error | undefined {
    if (headers.etag === undefined || !/^\d+$/.test(headers['content-length'] ?? '')) return this.#notS3();
    if (range === undefined) return undefined;
    const starts = headers['content-range']?.startsWith(`bytes ${range.start}-`) ?? false;
    if (!starts) return wrongBytes(this.label, 'the store ignores ranges');
    return Number(headers['content-length']) === range.length ? undefined : tooShort(this.label, key);
  }

  /** An answer to HEAD has no body that could explain a refusal; then the write decides, and says why. */
  async #exists(where: { Bucket: string; Key: string }, signal: AbortSignal): Promise<boolean> {
    try {
      const answer = await this.#clients.writes.send(new HeadObjectCommand(where), { abortSignal: signal });
      if (answer.ETag === undefined) throw this.#notS3();
      return true;
    } catch (error) {
      if (isMissing(error) || isUnexplained(error)) return false;
      throw s3Failure(this.label, error);
    }
  }

  /** Every S3 answer about an object carries an ETag and a length; a login page with status 200 does not. */
  #notS3(): Error {
    return unavailable(this.label, 'the answer does not come from an S3 store', {
      hint: 'check the endpoint, and whether a proxy answers in its place',
    });
  }
}
