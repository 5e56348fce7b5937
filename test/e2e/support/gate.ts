import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from './offline.ts';

/** A package index that keeps pip waiting for some projects, so that a test can do something meanwhile. */
export interface Gate {
  /** For `--index-url`. */
  readonly url: string;
  /** Waits until somebody asks for a project that is held back. */
  knock(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an index that answers for `held` projects never, and for others as the index at `url` does. */
export async function startGate(url: string, held: readonly string[]): Promise<Gate> {
  let waiting = 0;
  const server = createServer((request, response) => {
    if (held.some((name) => request.url === `/simple/${name}/`)) {
      waiting += 1;
      return;
    }
    response.writeHead(307, { location: new URL(request.url ?? '', url).href }).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple/`,
    async knock() {
      await until(() => waiting > 0);
      waiting = 0;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
