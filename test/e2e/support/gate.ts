import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from './offline.ts';

/** A package index that keeps pip waiting for some projects, so that a test can do something meanwhile. */
export interface Gate {
  /** For `--index-url`. */
  readonly url: string;
  /** Waits until somebody asks for a project that is held back. */
  knock(): Promise<void>;
  /** Answers from now on, and those who wait; `refuse`: that there is no such project. */
  open(refuse?: boolean): void;
  stop(): Promise<void>;
}

/** Starts an index that answers for `held` projects never before it is opened, and for others as the index at `url` does. */
export async function startGate(url: string, held: readonly string[]): Promise<Gate> {
  let waiting = 0;
  let opened: ((response: ServerResponse, path: string) => void) | undefined;
  const kept: { response: ServerResponse; path: string }[] = [];
  const redirect = (response: ServerResponse, path: string): void => void response.writeHead(307, { location: new URL(path, url).href }).end();
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (!held.some((name) => path === `/simple/${name}/`)) return redirect(response, path);
    waiting += 1;
    if (opened) opened(response, path);
    else kept.push({ response, path });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple/`,
    async knock() {
      await until(() => waiting > 0);
      waiting = 0;
    },
    open(refuse = false) {
      opened = refuse ? (response) => void response.writeHead(404).end() : redirect;
      for (const { response, path } of kept.splice(0)) opened(response, path);
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
