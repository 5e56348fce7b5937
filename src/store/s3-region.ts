import type { S3Client } from '@aws-sdk/client-s3';
import type { StoreFacts } from './facts.ts';
import { isElsewhere, regionIn } from './s3-failure.ts';

/** What a region may look like: it becomes part of a host name. */
const REGION = /^[a-z0-9][a-z0-9-]{1,40}$/;

/**
 * The region that requests are signed for. A bucket that is in another one than is configured says so in its refusal: then that one is used,
 * and remembered for the next process, since every request would be refused first.
 */
export class Region {
  readonly #configured: string;
  readonly #endpoint: string;
  readonly #facts: StoreFacts;
  #current: string;

  /** `endpoint`: empty for AWS's own. */
  constructor(configured: string, endpoint: string, facts: StoreFacts) {
    this.#configured = configured;
    this.#endpoint = endpoint;
    this.#facts = facts;
    const known = facts.read().region;
    const holds = known?.configured === configured && known.endpoint === endpoint && isRegion(known.actual);
    this.#current = holds ? known.actual : configured;
  }

  get current(): string {
    return this.#current;
  }

  /** Takes what a refusal said; whether the same request may be tried again. `used`: the region that was refused. */
  learn(actual: string | undefined, used: string): boolean {
    if (this.#current !== used) return true;
    if (!isRegion(actual) || actual === used) return false;
    this.#current = actual;
    this.#facts.note({ region: { endpoint: this.#endpoint, configured: this.#configured, actual } });
    return true;
  }

  /** Has a client try again in the right region. */
  correct(client: S3Client): void {
    client.middlewareStack.add(
      (next) => async (args) => {
        const used = this.#current;
        try {
          return await next(args);
        } catch (error) {
          if (!isElsewhere(error) || !this.learn(regionIn(error), used)) throw error;
          return await next(args);
        }
      },
      { step: 'initialize', priority: 'high', name: 'correctRegion' },
    );
  }
}

function isRegion(value: unknown): value is string {
  return typeof value === 'string' && REGION.test(value);
}
