// A network on one machine: node bench/slow-link.mjs PORT LATENCY_MS BYTES_PER_SECOND
//
// Listens on a free port of loopback, which it prints, and passes connections on to PORT: half of the latency is added either way, and a
// connection gets no more than its bandwidth either way. A process of its own, because whoever measures waits for commands to end.
import { createConnection, createServer } from 'node:net';
import { Transform } from 'node:stream';

const [port, latency, bandwidth] = process.argv.slice(2).map(Number);

/** Holds every chunk back for as long as it would be on its way. */
function line() {
  let free = 0;
  return new Transform({
    highWaterMark: 1 << 20,
    transform(chunk, _encoding, done) {
      const now = performance.now();
      free = Math.max(free, now) + (chunk.length / bandwidth) * 1000;
      // The line is taken until `free`, and the chunk arrives half a latency later; the next one may follow it at once.
      setTimeout(() => this.push(chunk), free - now + latency / 2);
      setTimeout(done, Math.max(0, free - now - 2));
    },
    flush(done) {
      setTimeout(done, Math.max(0, free - performance.now()) + latency / 2 + 5);
    },
  });
}

const server = createServer((client) => {
  const origin = createConnection(port, '127.0.0.1');
  for (const [from, to] of [[client, origin], [origin, client]]) from.on('error', () => to.destroy());
  client.pipe(line()).pipe(origin);
  origin.pipe(line()).pipe(client);
}).listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
