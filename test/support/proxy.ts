import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

export interface Proxy {
  /** With the user and password that it demands, if it does. */
  readonly url: string;
  /** What went through it: `CONNECT host:port`, or method and URL. */
  readonly log: readonly string[];
  stop(): Promise<void>;
}

/** A forwarding proxy on loopback: tunnels for HTTPS, requests with whole URLs for the rest. All names are this machine's. */
export async function startProxy({ password }: { password?: string } = {}): Promise<Proxy> {
  const log: string[] = [];
  const sockets = new Set<Socket>();
  const allowed = (authorization: string | undefined): boolean => password === undefined || authorization === `Basic ${Buffer.from(`user:${password}`).toString('base64')}`;
  const server = createServer((req, res) => {
    if (!allowed(req.headers['proxy-authorization'])) return res.writeHead(407).end();
    log.push(`${req.method} ${req.url}`);
    const { port, pathname, search } = new URL(req.url ?? '');
    const onward = request({ host: '127.0.0.1', port, path: pathname + search, method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    onward.on('error', () => res.destroy());
    return req.pipe(onward);
  });
  server.on('connect', (req, socket: Socket, head: Buffer) => {
    if (!allowed(req.headers['proxy-authorization'])) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
    log.push(`CONNECT ${req.url}`);
    const onward = connect(Number(req.url?.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const each of [socket, onward]) each.on('error', () => socket.destroy()).on('close', () => onward.destroy());
    return socket;
  });
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://${password === undefined ? '' : `user:${password}@`}127.0.0.1:${port}`, log, stop };
}
