// A network on one machine: node bench/slow-link.mjs PORT LATENCY_MS BYTES_PER_SECOND
//
// Listens on a free port of loopback, which it prints, and passes connections on to PORT: half of the latency is added either way, and a
// connection gets no more than its bandwidth either way. A process of its own, because whoever measures waits for commands to end.
import { createConnection, createServer } from 'node:net';
import { Transform } from 'node:stream';

const [port, latency, bandwidth] = process.argv.slice(2).map(Number);

/** Holds every chunk back for as long as it would be on its way. What came first goes first, however exact timers are. */
function line() {
  let free = 0;
  const waiting = [];
  const arrive = (stream) => {
    for (const now = performance.now(); waiting[0]?.at <= now + 0.5; ) stream.push(waiting.shift().chunk);
    if (waiting.length > 0) setTimeout(arrive, waiting[0].at - performance.now(), stream);
  };
  return new Transform({
    highWaterMark: 1 << 20,
    transform(chunk, _encoding, done) {
      const now = performance.now();
      free = Math.max(free, now) + (chunk.length / bandwidth) * 1000;
      const at = free + latency / 2;
      waiting.push({ at, chunk });
      if (waiting.length === 1) setTimeout(arrive, at - now, this);
      // The line is taken until `free`; the next chunk may follow this one at once.
      setTimeout(done, Math.max(0, free - now - 2));
    },
    flush(done) {
      const wait = () => (waiting.length === 0 ? done() : setTimeout(wait, 5));
      wait();
    },
  });
}

const server = createServer((client) => {
  const origin = createConnection(port, '127.0.0.1');
  for (const [from, to] of [[client, origin], [origin, client]]) from.on('error', () => to.destroy());
  client.pipe(line()).pipe(origin);
  origin.pipe(line()).pipe(client);
}).listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
