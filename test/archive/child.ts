/** Runs in a process of its own (see limits.test.ts): one archive operation, and what it came to, as JSON on stdout. */
import { readFileSync } from 'node:fs';
import { packEntry, type PackSource } from '../../src/archive/pack.ts';
import type { Expected } from '../../src/archive/parts.ts';
import { WAYS, type HowToUnpack } from './ways.ts';

interface Job {
  readonly pack?: { source: PackSource; dest: string };
  readonly unpack?: { path: string; dest: string; expected: Expected; how: HowToUnpack };
}

function run({ pack, unpack }: Job): unknown {
  try {
    if (unpack) return { list: WAYS[unpack.how]({ path: unpack.path }, unpack.dest, unpack.expected) };
    return packEntry(pack!.source, pack!.dest);
  } catch (error) {
    return { code: (error as { code?: string }).code, cause: ((error as Error).cause as { code?: string } | undefined)?.code };
  }
}

const result = run(JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Job);
process.stdout.write(JSON.stringify({ result, maxRss: process.resourceUsage().maxRSS }));
