import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { memoryFacts, type StoreFacts } from './facts.ts';
import { allowUnconditional } from './s3-conditions.ts';
import { Region } from './s3-region.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface S3Clients {
  /** Tries once: who reads has a deadline and does its own retry. */
  readonly reads: S3Client;
  /** Repeats single requests, so that one bad answer does not cost a large upload. */
  readonly writes: S3Client;
  readonly region: Region;
  /** Epoch milliseconds by the server's clock, as its last answer had it; undefined before there was one. */
  clock(): number | undefined;
  close(): void;
}

/** Used where no region is configured: S3-compatibles do not care, and S3 itself says where the bucket is. */
const DEFAULT_REGION = 'us-east-1';

const silent = (): void => undefined;

/**
 * Clients that share their sockets. Settings are the SDK's own variables and files. An endpoint of one's own, from
 * `env` or from the AWS configuration file, means path-style addresses.
 */
export async function s3Clients(env: Env, facts: StoreFacts = memoryFacts()): Promise<S3Clients> {
  const base = { ...fixedConfig(), ...configFromEnv(env) };
  const { region, endpoint } = await configured(base);
  const place = new Region(region, hostOf(endpoint), facts);
  const config = { ...base, region: () => Promise.resolve(place.current), forcePathStyle: endpoint !== undefined };
  const reads = client({ ...config, maxAttempts: 1 });
  const writes = client({ ...config, maxAttempts: 3, requestHandler: reads.config.requestHandler });
  allowUnconditional(writes, facts);
  const clock = new ServerClock();
  for (const each of [reads, writes]) {
    place.correct(each);
    clock.listenTo(each);
  }
  return { reads, writes, region: place, clock: () => clock.now(), close: () => reads.destroy() };
}

/** The time by the `Date` of a server's answers (whole seconds), carried on by a clock of ours that nobody can set. */
class ServerClock {
  #ahead: number | undefined;

  listenTo(client: S3Client): void {
    const { middlewareStack } = client;
    middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const { headers } = result.response as { headers?: Readonly<Record<string, string>> };
        const date = Date.parse(headers?.['date'] ?? '');
        if (!Number.isNaN(date)) this.#ahead = date - performance.now();
        return result;
      },
      { step: 'deserialize', priority: 'low', name: 'serverClock' },
    );
  }

  now(): number | undefined {
    return this.#ahead === undefined ? undefined : this.#ahead + performance.now();
  }
}

function fixedConfig(): S3ClientConfig {
  return {
    // The SDK's checksums travel in chunk framing (aws-chunked), which some compatibles store as data.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Whether a key exists is asked before its body is sent; some compatibles never answer `100-continue`.
    expectContinueHeader: false,
    // The SDK's own logger is the console, and an install's stderr belongs to the installer.
    logger: { trace: silent, debug: silent, info: silent, warn: silent, error: silent },
    requestHandler: {
      // A request that waits for a socket waits for us, not for the store: so there is no limit on them.
      httpAgent: { keepAlive: true, maxSockets: Infinity, maxFreeSockets: 64 },
      httpsAgent: { keepAlive: true, maxSockets: Infinity, maxFreeSockets: 64 },
      // Deadlines are set by whoever calls; this only keeps sockets from being forgotten.
      connectionTimeout: 15_000,
    },
  };
}

function configFromEnv(env: Env): S3ClientConfig {
  const endpoint = first(env, 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL');
  const region = first(env, 'AWS_REGION', 'AWS_DEFAULT_REGION');
  const profile = first(env, 'AWS_PROFILE');
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? credentialsFromEnv(env) : { profile }),
  };
}

/** The value of the first of these variables that is set to something. */
function first(env: Env, ...names: string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== '');
}

/** As the SDK has it: static credentials count only where no profile is named. */
function credentialsFromEnv(env: Env): S3ClientConfig {
  const accessKeyId = env['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY'];
  const sessionToken = env['AWS_SESSION_TOKEN'];
  if (!accessKeyId || !secretAccessKey) return {};
  return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } };
}

/** Whose region it is that is remembered; not more of an endpoint than that, since it may hold a credential. */
function hostOf(endpoint: string | undefined): string {
  return endpoint === undefined || !URL.canParse(endpoint) ? '' : new URL(endpoint).host;
}

/** Asks the SDK for what may stand in its configuration files. */
async function configured(base: S3ClientConfig): Promise<{ region: string; endpoint: string | undefined }> {
  const config: S3Client['config'] & { serviceConfiguredEndpoint?: () => Promise<unknown> } = client(base).config;
  const endpoint = base.endpoint ?? (await config.serviceConfiguredEndpoint?.());
  return { region: await config.region().catch(() => DEFAULT_REGION), endpoint: typeof endpoint === 'string' ? endpoint : undefined };
}

/**
 * Makes a client without the SDK's remark on the version of Node, which would appear among the installer's output. The
 * variable that turns it off is no way out: it would have to be set in our environment, which children inherit.
 */
function client(config: S3ClientConfig): S3Client {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- only put back as it was
  const emitWarning = process.emitWarning;
  process.emitWarning = silent;
  try {
    return new S3Client(config);
  } finally {
    process.emitWarning = emitWarning;
  }
}
