/** One timed try in a process of its own: node unpack-once.mjs ARCHIVE DIRECTORY EXPECTED TRUSTED; milliseconds on stdout. */
import { unpackEntry, type Expected } from '../src/archive/unpack.ts';

const [path, directory, expected, trusted] = process.argv.slice(2) as [string, string, string, string];
const start = performance.now();
unpackEntry({ path }, directory, JSON.parse(expected) as Expected, { trusted: trusted === 'true' });
process.stdout.write(String(performance.now() - start));
