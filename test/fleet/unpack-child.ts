/** Runs in a process of its own (see unpack-process.test.ts), and in its threads: unpacks a large archive into a cache; what came of it, on stdout. */
import { readdirSync, readFileSync } from 'node:fs';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import type { Entry } from '../../src/cache/entry.ts';
import { LocalCache } from '../../src/cache/local.ts';
import { PkgCacheError, systemCode } from '../../src/errors.ts';
import { UnpackThreads, unpackFor } from '../../src/fleet/unpack-threads.ts';
import { unpacksHere } from '../../src/fleet/unpacker.ts';

/** `dies`: the process is killed when files are there, and never begins the second part. */
export interface Job {
  readonly directory: string;
  readonly path: string;
  readonly entry: Entry;
  readonly dies: boolean;
}

const [program = '', file = ''] = process.argv.slice(1);
const { directory, path, entry, dies } = JSON.parse(readFileSync(file, 'utf8')) as Job;
const cache = new LocalCache(directory);
let threads = 0;

function start(): Worker {
  const worker = new Worker(program, { argv: [file] });
  if (threads++ > 0 && dies) worker.postMessage = () => void setInterval(dieInTheMiddle, 5);
  return worker;
}

function dieInTheMiddle(): void {
  const begun = readdirSync(cache.path('staging'), { recursive: true }).some((name) => String(name).endsWith('.bin'));
  if (begun) process.kill(process.pid, 'SIGKILL');
}

async function outcome(): Promise<object> {
  const unpacker = new UnpackThreads(start, cache, unpacksHere(cache, {}), 2);
  try {
    await unpacker.unpack({ kind: 'archive', entry, source: { path }, trusted: true });
    return { made: cache.lookup(entry.key) !== undefined, threads };
  } catch (error) {
    return error instanceof PkgCacheError ? { code: error.code, cause: systemCode(error.cause), threads } : { error: String(error) };
  } finally {
    unpacker.close();
  }
}

if (!isMainThread && parentPort) unpackFor(parentPort, cache, {});
else process.stdout.write(JSON.stringify({ ...(await outcome()), staging: readdirSync(cache.path('staging')) }));
