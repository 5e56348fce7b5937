import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';

/** A package as a test wants it; `manifest` is the rest of its package.json. */
export interface PackageSpec {
  readonly name: string;
  readonly version: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly executable?: readonly string[];
  /** Modes of files, of those that are neither 644 nor 755. */
  readonly modes?: Readonly<Record<string, number>>;
  readonly manifest?: Readonly<Record<string, unknown>>;
}

/** An npm registry on loopback. It runs in the process of the test, so commands that use it must be run asynchronously. */
export interface NpmRegistry {
  readonly url: string;
  /** Paths asked for since the start. */
  readonly requests: string[];
  /** Paths that are answered with 503. */
  readonly failing: Set<string>;
  publish(spec: PackageSpec): void;
  /** Connections are refused from here on, until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
}

export async function startNpmRegistry(): Promise<NpmRegistry> {
  const requests: string[] = [];
  const failing = new Set<string>();
  const tarballs = new Map<string, Buffer>();
  const documents = new Map<string, { name: string; 'dist-tags': Record<string, string>; versions: Record<string, unknown> }>();
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').slice(1);
    requests.push(path);
    if (failing.has(path)) {
      response.statusCode = 503;
      return void response.end();
    }
    const tarball = tarballs.get(path);
    const document = documents.get(path);
    if (tarball) return void response.end(tarball);
    response.statusCode = document ? 200 : 404;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(document ?? { error: 'Not found' }));
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/`;
  return {
    url,
    requests,
    failing,
    publish(spec) {
      const { name, version } = spec;
      const tarball = makeTarball(spec);
      const path = `${name}/-/${name.split('/').at(-1)!}-${version}.tgz`;
      tarballs.set(path, tarball);
      const document = documents.get(name) ?? { name, 'dist-tags': {}, versions: {} };
      const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
      document.versions[version] = { ...manifestOf(spec), dist: { tarball: url + path, integrity } };
      document['dist-tags']['latest'] = version;
      documents.set(name, document);
    },
    down: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    up: () => listen(port),
  };
}

function manifestOf({ name, version, manifest = {} }: PackageSpec): Record<string, unknown> {
  return { name, version, ...manifest };
}

/** A tarball as `npm pack` makes them: everything below `package/`. */
export function makeTarball(spec: PackageSpec): Buffer {
  const files = { 'package.json': JSON.stringify(manifestOf(spec)), 'index.js': `module.exports = ${JSON.stringify(spec.version)};\n`, ...spec.files };
  const members = Object.entries(files).flatMap(([path, text]) => {
    const bytes = Buffer.from(text);
    const header = new Header({ path: `package/${path}`, mode: spec.modes?.[path] ?? (spec.executable?.includes(path) === true ? 0o755 : 0o644), size: bytes.length, mtime: new Date(499162500000), type: 'File' });
    const block = Buffer.alloc(512);
    header.encode(block);
    return [block, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...members, Buffer.alloc(1024)]));
}
