import { createInterface } from 'node:readline/promises';
import { PkgCacheError } from '../errors.ts';

/** Asks on the terminal whether to go on; only `y` and `yes` mean that. Throws USAGE where nobody can be asked. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new PkgCacheError('USAGE', 'there is no terminal to ask on', { hint: '--yes goes on without asking' });
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
