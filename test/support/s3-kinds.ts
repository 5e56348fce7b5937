import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { MADE, MOTO_PACKAGE, VERSITYGW } from './s3-binary.ts';
import { freePort, s3Env } from './s3-server.ts';

/** A kind of S3 server: where its program is, how it is made where it is not, and how it is run. */
interface Kind {
  readonly program: string;
  /** Made once per checkout below `.cache`, if it is made at all: the others take minutes to build. */
  readonly make?: { readonly command: readonly string[]; readonly result: string };
  /** For people: how to get one. */
  readonly how: string;
  readonly run: (port: number, data: string) => { readonly args: readonly string[]; readonly env?: Record<string, string> };
  /** Where it takes only keys of its own. */
  readonly credentials?: { readonly access: string; readonly secret: string };
}

export interface KindServer {
  readonly url: string;
  readonly env: Record<string, string>;
  readonly bucket: string;
  stop(): Promise<void>;
}

const { AWS_ACCESS_KEY_ID: ACCESS = '', AWS_SECRET_ACCESS_KEY: SECRET = '' } = s3Env('');

// What was tried is what docs/s3.md says: so each has its version.
const GOFAKES3 = 'github.com/johannesboyne/gofakes3/cmd/gofakes3@v1.2.0';
const MINIO = 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c';
const S3RVER = 's3rver@3.7.1';

/** The key that MinIO encrypts with, where it is asked to. */
export const MINIO_KEY = 'key-of-tests';

export const KINDS = {
  versitygw: {
    program: 'versitygw',
    make: { command: ['go', 'install', VERSITYGW], result: 'bin/versitygw' },
    how: `go install ${VERSITYGW}`,
    run: (port, data) => ({ args: ['--port', `127.0.0.1:${port}`, '--quiet', '--keep-alive', 'posix', '--sidecar', join(data, 'attributes'), join(data, 'objects')], env: { ROOT_ACCESS_KEY: ACCESS, ROOT_SECRET_KEY: SECRET } }),
  },
  gofakes3: {
    program: 'gofakes3',
    make: { command: ['go', 'install', GOFAKES3], result: 'bin/gofakes3' },
    how: `go install ${GOFAKES3}`,
    run: (port) => ({ args: ['-backend', 'memory', '-host', `127.0.0.1:${port}`] }),
  },
  moto: {
    program: 'moto_server',
    make: { command: ['sh', '-c', `python3 -m venv '${MADE}/moto' && '${MADE}/moto/bin/pip' install -q '${MOTO_PACKAGE}'`], result: 'moto/bin/moto_server' },
    how: `pip install '${MOTO_PACKAGE}'`,
    run: (port) => ({ args: ['-H', '127.0.0.1', '-p', String(port)] }),
  },
  s3rver: {
    program: 's3rver',
    make: { command: ['sh', '-c', `mkdir -p '${MADE}/s3rver' && npm install --prefix '${MADE}/s3rver' --no-audit --no-fund --ignore-scripts ${S3RVER}`], result: 's3rver/node_modules/.bin/s3rver' },
    how: `npm install ${S3RVER}`,
    run: (port, data) => ({
      args: ['--address', '127.0.0.1', '--port', String(port), '--directory', join(data, 'objects')],
      // It enciphers where the next page of a listing begins, with DES: OpenSSL 3 has that only so.
      env: { NODE_OPTIONS: '--openssl-legacy-provider' },
    }),
    credentials: { access: 'S3RVER', secret: 'S3RVER' },
  },
  's3s-fs': {
    program: 's3s-fs',
    how: 'cargo install s3s-fs@0.14.1 --features binary',
    run: (port, data) => ({ args: ['--host', '127.0.0.1', '--port', String(port), '--access-key', ACCESS, '--secret-key', SECRET, join(data, 'objects')] }),
  },
  minio: {
    program: 'minio',
    how: `go install ${MINIO}`,
    run: (port, data) => ({ args: ['server', '--quiet', '--address', `127.0.0.1:${port}`, join(data, 'objects')], env: { MINIO_ROOT_USER: ACCESS, MINIO_ROOT_PASSWORD: SECRET, MINIO_KMS_SECRET_KEY: `${MINIO_KEY}:${Buffer.alloc(32, 'key').toString('base64')}` } }),
  },
} satisfies Record<string, Kind>;

export type KindName = keyof typeof KINDS;

/** The program of a kind; made, if that is quick. A text says why there is none. */
export async function programOf(name: KindName): Promise<{ path: string } | string> {
  const kind: Kind = KINDS[name];
  const places = [...(process.env['PATH'] ?? '').split(delimiter), join(homedir(), 'go/bin'), join(homedir(), '.cargo/bin'), join(MADE, 'bin')];
  const found = places.map((place) => join(place, kind.program)).find((path) => existsSync(path));
  if (found !== undefined) return { path: found };
  const missing = `${name} is not tried: it is not on PATH (${kind.how})`;
  if (!kind.make) return missing;
  const path = join(MADE, kind.make.result);
  if (existsSync(path)) return { path };
  mkdirSync(MADE, { recursive: true });
  const [command = '', ...args] = kind.make.command;
  try {
    await promisify(execFile)(command, args, { env: { ...process.env, GOBIN: join(MADE, 'bin') } });
  } catch (error) {
    return `${missing}, and cannot be made: ${String(error).split('\n', 1)[0]}`;
  }
  return existsSync(path) ? { path } : missing;
}

/** Starts a server of a kind on a free port, with an empty bucket. */
export async function startKind(name: KindName, path: string): Promise<KindServer> {
  const kind: Kind = KINDS[name];
  const data = mkdtempSync(join(tmpdir(), `pkg-cache-${name}-`));
  for (const directory of ['objects', 'attributes']) mkdirSync(join(data, directory));
  const port = await freePort();
  const { args, env = {} } = kind.run(port, data);
  const server = spawn(path, args, { env: { ...process.env, ...env, HOME: data }, cwd: data, stdio: 'ignore' });
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    process.removeListener('exit', kill);
    if (server.exitCode === null && server.kill('SIGKILL')) await once(server, 'exit');
    rmSync(data, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  const { access, secret } = kind.credentials ?? { access: ACCESS, secret: SECRET };
  const credentials = { accessKeyId: access, secretAccessKey: secret };
  const client = new S3Client({ endpoint: url, region: 'us-east-1', credentials, forcePathStyle: true, maxAttempts: 1 });
  for (let tries = 0; ; tries++) {
    try {
      await client.send(new CreateBucketCommand({ Bucket: 'test-bucket' }));
      break;
    } catch (error) {
      if (server.exitCode !== null || tries === 300) {
        await stop();
        throw error;
      }
      await sleep(100);
    }
  }
  client.destroy();
  return { url, env: { ...s3Env(url), AWS_ACCESS_KEY_ID: access, AWS_SECRET_ACCESS_KEY: secret }, bucket: 'test-bucket', stop };
}
