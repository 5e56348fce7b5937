import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Stands before an index or a registry, and lets nobody in without the password. It is a proxy that wants one, too. */
export interface Gate {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly url: string;
  /** Requests that were let in, and that were not. */
  readonly counts: { in: number; out: number };
  stop(): Promise<void>;
}

/** Starts a gate before the server at `upstream`, for whoever gives `secret` as a password, as a bearer token, or as `?token=`. */
export async function startGate(upstream: string, secret: string): Promise<Gate> {
  const counts = { in: 0, out: 0 };
  const server = createServer((incoming, response) => {
    pass(incoming, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const isProxied = /^https?:/.test(incoming.url ?? '');
    const target = new URL(incoming.url ?? '/', upstream);
    const { authorization, 'proxy-authorization': proxyAuthorization, ...headers } = incoming.headers;
    if (target.searchParams.get('token') !== secret && !knows((isProxied ? proxyAuthorization : authorization) ?? '', secret)) {
      counts.out++;
      response.writeHead(isProxied ? 407 : 401, { [isProxied ? 'proxy-authenticate' : 'www-authenticate']: 'Basic realm="gate"' }).end();
      return;
    }
    counts.in++;
    const passed = request({ host: target.hostname, port: target.port, method: incoming.method, path: target.pathname, headers: { ...headers, host: target.host }, agent: false }).end();
    const [answer] = (await once(passed, 'response')) as [IncomingMessage];
    const body = await buffer(answer);
    // What a registry says about its tarballs must lead here again.
    const isDocument = (answer.headers['content-type'] ?? '').includes('json');
    response.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] ?? 'application/octet-stream' });
    response.end(isDocument && !isProxied ? body.toString('utf8').replaceAll(new URL(upstream).host, host) : body);
  }

  return {
    host,
    url: `http://${host}`,
    counts,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function knows(authorization: string, secret: string): boolean {
  const [, scheme = '', value = ''] = /^(Basic|Bearer) (.*)$/i.exec(authorization) ?? [];
  return scheme.toLowerCase() === 'bearer' ? value === secret : Buffer.from(value, 'base64').toString('utf8').split(':').slice(1).join(':') === secret;
}
