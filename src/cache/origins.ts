import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { LocalCache } from './local.ts';
import { listDir } from './sweep.ts';

/** An entry says where it comes from by a hash. What that stands for is noted on the worker that made it, for people: it never leaves it. */
export function noteOrigin(cache: LocalCache, origin: string, text: string): void {
  const path = cache.path('state', 'origins', origin);
  if (!/^[0-9a-f]+$/.test(origin) || existsSync(path)) return;
  try {
    mkdirSync(cache.path('state', 'origins'), { recursive: true });
    writeFileSync(path, text);
  } catch {
    // A full disk: then the hash is shown.
  }
}

/** What origins stand for, as far as this worker has been told. */
export function knownOrigins(cache: LocalCache): Map<string, string> {
  const known = new Map<string, string>();
  for (const origin of listDir(cache.path('state', 'origins'))) {
    try {
      const text = readFileSync(cache.path('state', 'origins', origin), 'utf8');
      if (text !== '') known.set(origin, text);
    } catch {
      // Gone, or not for us to read.
    }
  }
  return known;
}
