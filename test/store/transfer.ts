/**
 * Run as a process of its own by s3.test.ts: stores a file, reads it back, and prints what came of it and how much
 * memory that took. Arguments: location, path, size.
 */
import { createHash } from 'node:crypto';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';

const [location = '', path = '', size = ''] = process.argv.slice(2);
const store = await openStore(location, { env: process.env, circuit: memoryCircuit() });
const created = await store.create('object', { path, size: Number(size) });
const object = await store.get('object');
const hash = createHash('sha256');
for await (const chunk of object?.body ?? []) hash.update(chunk as Buffer);
store.close();
// KiB on Linux and macOS alike.
const maxRssMb = process.resourceUsage().maxRSS / 1024;
process.stdout.write(JSON.stringify({ created, sha256: hash.digest('hex'), maxRssMb }));
