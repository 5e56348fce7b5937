import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { s3Binary, type S3Binary } from './s3-binary.ts';

/** A real S3 server on loopback, with an empty bucket. */
export interface S3Server {
  /** The endpoint. */
  readonly url: string;
  /** What a client needs in its environment, and what keeps the user's own AWS settings out. */
  readonly env: Record<string, string>;
  readonly bucket: string;
  /** Which server it is, for the log. */
  readonly kind: string;
  /** Where it keeps its data. */
  readonly data: string;
  stop(): Promise<void>;
}

const ACCESS = 'test-access-key';
const SECRET = 'test-secret-key';

/** The environment of a client of `url`. */
export function s3Env(url: string): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: ACCESS,
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_S3: url,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

export interface S3Options {
  /** Another one than us-east-1. */
  readonly region?: string;
  /** Files with a certificate and its key: the server speaks HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Buckets are named by hosts below this one, too. */
  readonly domain?: string;
}

/** Starts versitygw, or moto where there is no Go (and no options), on a free port. Each call is a server of its own. */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  const binary = await s3Binary();
  const data = mkdtempSync(join(tmpdir(), 'pkg-cache-s3-'));
  const port = await freePort();
  const url = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  const server = launch(binary, port, data, options);
  const stop = async (): Promise<void> => {
    if (server.exitCode === null && server.kill('SIGKILL')) await once(server, 'exit');
    rmSync(data, { recursive: true, force: true });
  };
  try {
    await createBucket(url, 'test-bucket', server, options);
  } catch (error) {
    await stop();
    throw error;
  }
  console.info(`S3 server for tests: ${binary.kind}`);
  return { url, env: s3Env(url), bucket: 'test-bucket', kind: binary.kind, data, stop };
}

function launch({ kind, path }: S3Binary, port: number, data: string, { region, tls, domain }: S3Options): ChildProcess {
  const env = { ...process.env, ROOT_ACCESS_KEY: ACCESS, ROOT_SECRET_KEY: SECRET };
  const [objects, attributes] = [join(data, 'objects'), join(data, 'attributes')];
  for (const directory of [objects, attributes]) mkdirSync(directory);
  const extra = [...(region === undefined ? [] : ['--region', region]), ...(tls ? ['--cert', tls.cert, '--key', tls.key] : []), ...(domain === undefined ? [] : ['--virtual-domain', domain])];
  const argv =
    kind === 'versitygw'
      ? ['--port', `127.0.0.1:${port}`, '--quiet', '--keep-alive', ...extra, 'posix', '--sidecar', attributes, objects]
      : ['-H', '127.0.0.1', '-p', String(port)];
  const server = spawn(path, argv, { env, stdio: 'ignore' });
  // A test run that ends in an error must not leave it behind.
  const kill = (): void => {
    server.kill('SIGKILL');
    rmSync(data, { recursive: true, force: true });
  };
  process.once('exit', kill);
  server.once('exit', () => process.removeListener('exit', kill));
  return server;
}

/** Repeats until the server is up; a minute is for a cold moto. */
async function createBucket(url: string, bucket: string, server: ChildProcess, { region = 'us-east-1', tls }: S3Options): Promise<void> {
  const credentials = { accessKeyId: ACCESS, secretAccessKey: SECRET };
  const client = new S3Client({ endpoint: url, region, credentials, forcePathStyle: true, maxAttempts: 1, requestHandler: tls ? { httpsAgent: { ca: readFileSync(tls.cert) } } : {} });
  const end = Date.now() + 60_000;
  for (;;) {
    try {
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      return client.destroy();
    } catch (error) {
      if (server.exitCode !== null || Date.now() > end) throw error;
      await sleep(50);
    }
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
