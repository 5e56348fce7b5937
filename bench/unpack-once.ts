/**
 * One timed try in a process of its own: node unpack-once.mjs APP ARCHIVE ENTRY HOW; milliseconds on stdout. The entry (JSON) appears in the
 * cache of the environment. HOW: `threads`, those of the app, which are started
 * before; `starting threads`, with their start; `one thread`; `hashing`, in one thread, every file.
 */
import type { Entry } from '../src/cache/entry.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalCache } from '../src/cache/local.ts';
import { unpackThreads } from '../src/fleet/unpack-threads.ts';
import { unpacksHere } from '../src/fleet/unpacker.ts';

const [app, path, manifest, how] = process.argv.slice(2) as [string, string, string, string];
const entry = JSON.parse(manifest) as Entry;
const cache = new LocalCache(process.env['PKG_CACHE_DIR']!);
const unpacker = how.includes('threads') ? unpackThreads(cache, {}, app) : unpacksHere(cache, {});
if (how === 'threads') {
  unpacker.expect(entry.size); // as a pull does before its first request
  await sleep(500);
}
const start = performance.now();
await unpacker.unpack({ kind: 'archive', entry, source: { path }, trusted: how !== 'hashing' });
process.stdout.write(String(performance.now() - start));
unpacker.close();
if (!cache.lookup(entry.key)) throw new Error('the entry is not there');
