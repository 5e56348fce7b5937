import { basename } from 'node:path';
import { describe, isDamage, type LocalCache, type LocalEntry } from '../../cache/local.ts';
import { verifyTree } from '../../cache/ready.ts';
import type { Command } from '../command.ts';
import { Progress, standardOutput } from '../terminal.ts';
import { openWorld } from '../world.ts';

export const verify: Command<object> = {
  command: 'verify',
  describe: 'Compare every file of the local cache with its hash',
  builder: (argv) => argv.epilogue(EPILOGUE).example('$0 verify', 'after trouble with a disk, say'),
  run: () => {
    const { cache } = openWorld();
    const printer = standardOutput();
    const progress = new Progress();
    let checked = 0;
    let damaged = 0;
    for (const { status, path } of cache.list()) {
      const local = status === 'cached' ? cache.byId(basename(path)) : undefined;
      if (!local) continue;
      checked++;
      progress.show(`${checked} checked, ${damaged} damaged: ${describe(local.entry)}`);
      const why = whyDamaged(cache, local);
      if (why === undefined) continue;
      damaged++;
      cache.quarantine(local);
      printer.line(`damaged ${describe(local.entry)}: ${why}`);
    }
    progress.end();
    printer.line(`${checked} checked, ${damaged} damaged`);
    printer.flush();
    return damaged === 0 ? 0 : 1;
  },
};

const EPILOGUE = `What differs is put aside: it is not served any more, and stalled until a clean.

Exit codes: 0 all is as it was cached, 1 something was not.`;

function whyDamaged(cache: LocalCache, local: LocalEntry): string | undefined {
  const lease = cache.lease();
  try {
    verifyTree(`${local.dir}/tree`, cache.files(local));
    return undefined;
  } catch (error) {
    if (!isDamage(error)) throw error;
    // Somebody may have removed it meanwhile.
    return cache.byId(local.id) ? (error as Error).message : undefined;
  } finally {
    lease.release();
  }
}
