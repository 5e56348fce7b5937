import { HeadObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { HttpRequest } from '@smithy/core/protocols';
import { PkgCacheError } from '../errors.ts';
import { memoryFacts, type StoreFacts } from './facts.ts';
import { allowUnconditional } from './s3-conditions.ts';
import { addHeaders } from './s3-headers.ts';
import { hasProxy, proxyFor, trusted, wayTo, type Way } from './s3-network.ts';
import { s3Options, type S3Settings } from './s3-options.ts';
import type { AgentOptions } from './s3-proxy.ts';
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

const silent = (): void => undefined;

export interface ClientOptions {
  readonly settings?: S3Settings | undefined;
  readonly facts?: StoreFacts | undefined;
}

/** Clients for a bucket that share their sockets. Settings are the SDK's own variables and files, and ours. Throws CONFIG. */
export async function s3Clients(env: Env, bucket: string, { settings = {}, facts = memoryFacts() }: ClientOptions = {}): Promise<S3Clients> {
  const { config: chosen, region, endpoint, caBundle } = await s3Options(env, settings, bucket, quietly);
  const place = new Region(region, hostOf(endpoint), facts);
  const config = { ...fixedConfig(), ...chosen, region: () => Promise.resolve(place.current), requestHandler: await requestHandler(env, caBundle) };
  const reads = client({ ...config, maxAttempts: 1 });
  const writes = client({ ...config, maxAttempts: 3, requestHandler: reads.config.requestHandler });
  allowUnconditional(writes, facts);
  const clock = new ServerClock();
  for (const each of [reads, writes]) {
    addHeaders(each, settings);
    place.correct(each);
    clock.listenTo(each);
  }
  return { reads, writes, region: place, clock: () => clock.now(), close: () => reads.destroy() };
}

/** What sends requests: through a proxy, where the environment names one for some host. */
async function requestHandler(env: Env, caBundle: string | undefined): Promise<NonNullable<S3ClientConfig['requestHandler']>> {
  const secureContext = trusted(env, caBundle);
  // A request that waits for a socket waits for us, not for the store: so there is no limit on them.
  const agents: AgentOptions = { keepAlive: true, maxSockets: Infinity, maxFreeSockets: 64, ...(secureContext && { secureContext }) };
  // Deadlines are set by whoever calls; this only keeps sockets from being forgotten.
  const common = { httpAgent: agents, httpsAgent: agents, connectionTimeout: 15_000 };
  if (!hasProxy(env)) return common;
  const { ProxyHandler } = await import('./s3-proxy.ts');
  return new ProxyHandler(common, agents, (scheme, host) => proxyFor(env, scheme, host));
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

/** Where the SDK would send a request for an object of a bucket, and how it would go there. Nothing is sent. Throws CONFIG. */
export async function wayToBucket(env: Env, bucket: string, settings: S3Settings = {}): Promise<Way> {
  const { config, region, caBundle } = await s3Options(env, settings, bucket, quietly);
  // The address does not depend on whose request it is, and who that is may take a service to find out.
  const asking = quietly({ ...config, region, credentials: { accessKeyId: 'nobody', secretAccessKey: 'nothing' } });
  const command = new HeadObjectCommand({ Bucket: bucket, Key: 'key' });
  let server: URL | undefined;
  command.middlewareStack.add(
    () => (args) => {
      const { protocol, hostname, port } = args.request as HttpRequest;
      server = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`);
      return Promise.resolve({ response: {}, output: { $metadata: {} } });
    },
    { step: 'build', priority: 'high', name: 'neverSent' },
  );
  await asking.send(command);
  asking.destroy();
  if (!server) throw new PkgCacheError('CONFIG', 'the AWS settings name no server');
  return wayTo(server, env, caBundle);
}

function quietly(config: S3ClientConfig): S3Client {
  return client({ ...fixedConfig(), ...config });
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
  };
}

/** Whose region it is that is remembered; not more of an endpoint than that, since it may hold a credential. */
function hostOf(endpoint: string | undefined): string {
  return endpoint === undefined || !URL.canParse(endpoint) ? '' : new URL(endpoint).host;
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
