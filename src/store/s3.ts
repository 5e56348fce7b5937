import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import { payloadSize, type Backend, type Watch } from './backend.ts';
import { unavailable } from './failure.ts';
import { checkKey } from './key.ts';
import { s3Clients, type S3Clients } from './s3-client.ts';
import { isConflict, isUnexplained, isMissing, s3Failure } from './s3-failure.ts';
import { abortLeftOvers } from './s3-leftovers.ts';
import { readPiece } from './payload-file.ts';
import { uploadParts } from './s3-parts.ts';
import type { Payload, StoredObject } from './store.ts';

/** Payloads above this many bytes are sent in parts, and only parts of them are in memory. */
const SINGLE_PUT = 16 * 1024 * 1024;

export interface S3Location {
  readonly bucket: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
}

/** A store in a bucket. `env` holds the SDK's own variables. Fails with CONFIG if the settings make no client. */
export async function openS3(location: S3Location, env: Readonly<Record<string, string | undefined>>): Promise<Backend> {
  return new S3Backend(location, await s3Clients(env));
}

class S3Backend implements Backend {
  readonly label: string;
  readonly #location: S3Location;
  readonly #clients: S3Clients;

  constructor(location: S3Location, clients: S3Clients) {
    this.label = `s3://${[location.bucket, location.prefix].filter(Boolean).join('/')}`;
    this.#location = location;
    this.#clients = clients;
  }

  async get(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    const where = this.#where(key);
    try {
      const answer = await this.#clients.reads.send(new GetObjectCommand(where), { abortSignal: signal });
      const body = answer.Body as Readable;
      if (answer.ETag !== undefined && answer.ContentLength !== undefined) return { size: answer.ContentLength, body };
      body.destroy();
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw s3Failure(this.label, error);
    }
    throw this.#notS3();
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
    if (!(payload instanceof Uint8Array) && payload.size > SINGLE_PUT) {
      await abortLeftOvers(this.#clients.writes, where, watch.signal, Date.now());
      return await uploadParts(this.#clients.writes, { label: this.label, ...where }, payload, watch);
    }
    const Body = payload instanceof Uint8Array ? payload : await readPiece(this.label, payload, 0, payload.size);
    const command = new PutObjectCommand({ ...where, Body, ContentLength: payloadSize(payload), IfNoneMatch: '*' });
    return (await this.#clients.writes.send(command, { abortSignal: watch.signal })).ETag;
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
