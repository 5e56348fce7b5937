import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/**
 * A package index (PEP 503) on loopback, serving the archives that lie in a directory. It runs in the process of the
 * test, so commands that use it must be run asynchronously.
 */
export interface PackageIndex {
  /** For `--index-url`; the same after `down` and `up`. */
  readonly url: string;
  /** Every request since the start, as `GET /path`. */
  readonly requests: string[];
  /** Marks a file as yanked (PEP 592), with a reason that may be empty. */
  yank(filename: string, reason?: string): void;
  /** Offers it again. */
  unyank(filename: string): void;
  /** Connections are refused from here on, until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an index over the archives in `directory`, read anew for each request. Sidecars `X.metadata` are PEP 658's. */
export async function startIndex(directory: string): Promise<PackageIndex> {
  const requests: string[] = [];
  const yanked = new Map<string, string>();
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(directory, yanked, request, response);
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const down = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${port}/simple/`,
    requests,
    yank: (filename, reason = '') => void yanked.set(filename, reason),
    unyank: (filename) => void yanked.delete(filename),
    down,
    up: () => listen(port),
    stop: down,
  };
}

function answer(directory: string, yanked: ReadonlyMap<string, string>, request: IncomingMessage, response: ServerResponse): void {
  const [, root, name, ...rest] = decodeURIComponent(request.url ?? '').split('/');
  if (root === 'files' && name !== undefined && rest.length === 0 && existsSync(join(directory, name))) {
    response.setHeader('content-type', 'application/octet-stream');
    response.end(readFileSync(join(directory, name)));
    return;
  }
  const files = archives(directory).filter((file) => project(file) === name);
  if (root !== 'simple' || files.length === 0) {
    response.statusCode = 404;
    response.end('Not Found');
    return;
  }
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(`<!DOCTYPE html><html><body>\n${files.map((file) => link(directory, yanked, file)).join('\n')}\n</body></html>\n`);
}

function archives(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).filter((file) => /\.(whl|tar\.gz|zip)$/.test(file)).sort() : [];
}

/** The normalised name of the project that a file belongs to. */
function project(file: string): string {
  const name = file.endsWith('.whl') ? file.split('-')[0]! : file.replace(/-[^-]*$/, '');
  return name.replace(/[-_.]+/g, '-').toLowerCase();
}

function link(directory: string, yanked: ReadonlyMap<string, string>, file: string): string {
  const path = join(directory, file);
  const attributes = [`href="/files/${encodeURIComponent(file)}#sha256=${sha256(path)}"`];
  const reason = yanked.get(file);
  if (reason !== undefined) attributes.push(`data-yanked="${escape(reason)}"`);
  if (existsSync(`${path}.metadata`)) {
    const requires = /^Requires-Python: (.*)$/m.exec(readFileSync(`${path}.metadata`, 'utf8'))?.[1];
    if (requires !== undefined) attributes.push(`data-requires-python="${escape(requires)}"`);
    const digest = sha256(`${path}.metadata`);
    attributes.push(`data-dist-info-metadata="sha256=${digest}"`, `data-core-metadata="sha256=${digest}"`);
  }
  return `<a ${attributes.join(' ')}>${file}</a><br>`;
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function escape(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
