import { basename } from 'node:path';
import { describe, isDamage, type LocalCache, type LocalEntry } from '../../cache/local.ts';
import { verifyTree } from '../../cache/ready.ts';
import { PkgCacheError } from '../../errors.ts';
import { AT_ONCE } from '../../fleet/pace.ts';
import type { Command } from '../command.ts';
import { inventory, nameOf, type Item } from '../store/inventory.ts';
import { verifyItems } from '../store/verify.ts';
import { formatBytes, Progress, standardOutput, type Printer } from '../terminal.ts';
import { openFleet, openWorld } from '../world.ts';

interface Options {
  readonly store: boolean;
  readonly remove: boolean;
}

const NOTES = `What differs in the cache is put aside: it is not served any more, and stalled until a clean. What differs in the store is served
to nobody, because every worker compares it; but it cannot be stored anew as long as it is there.`;

export const verify: Command<Options> = {
  command: 'verify',
  describe: 'Compare every file of the local cache, or all that is in the store, with its hash',
  builder: (argv) =>
    argv
      .option('store', { type: 'boolean', default: false, describe: 'The store instead: reads all of it' })
      .option('remove', { type: 'boolean', default: false, describe: 'With --store: remove what is damaged' })
      .example('$0 verify', 'after trouble with a disk, say')
      .example('$0 verify --store --remove', 'what is damaged goes, so that it can be stored anew'),
  exits: '0 all is as it was cached, 1 something was not, or the store could not be read',
  notes: NOTES,
  run: async ({ store, remove }) => {
    if (remove && !store) throw new PkgCacheError('USAGE', '--remove goes with --store', { hint: 'what is damaged in the cache is put aside in any case; pkg-cache clean deletes it' });
    const printer = standardOutput();
    const { checked, damaged } = store ? await verifyStore(remove, printer) : verifyCache(printer);
    printer.line(`${checked} checked, ${damaged} damaged`);
    printer.flush();
    return damaged === 0 ? 0 : 1;
  },
};

interface Verified {
  readonly checked: number;
  readonly damaged: number;
}

function verifyCache(printer: Printer): Verified {
  const { cache } = openWorld();
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
  return { checked, damaged };
}

/** What is damaged is read a second time before it is removed: the way from there to here may be what is at fault. */
async function verifyStore(remove: boolean, printer: Printer): Promise<Verified> {
  const { fleet, close } = await openFleet(AT_ONCE);
  const progress = new Progress();
  try {
    const items: Item[] = [];
    for await (const item of inventory(fleet.store, fleet.cache, { names: [], ecosystem: undefined, platform: undefined })) items.push(item);
    const damaged = await verifyItems(fleet, items, (checked, bytes) => progress.show(`${checked} of ${items.length} checked, ${formatBytes(bytes)} read`));
    progress.end();
    const certain = remove && damaged.length > 0 ? await verifyItems(fleet, damaged.map(({ item }) => item), () => undefined) : [];
    const removed = new Set(certain.filter(({ keys }) => keys.length > 0).map(({ item }) => item.object.key));
    for (const key of new Set(certain.flatMap(({ keys }) => keys))) await fleet.store.remove(key);
    for (const { item, why } of damaged) printer.line(`damaged ${nameOf(item)} (${item.object.key}): ${why}${removed.has(item.object.key) ? '; removed' : ''}`);
    return { checked: items.length, damaged: damaged.length };
  } finally {
    progress.end();
    close();
  }
}

function whyDamaged(cache: LocalCache, local: LocalEntry): string | undefined {
  const lease = cache.lease();
  try {
    verifyTree(`${local.dir}/tree`, cache.files(local));
    cache.verifyArchive(local);
    return undefined;
  } catch (error) {
    if (!isDamage(error)) throw error;
    // Somebody may have removed it meanwhile.
    return cache.byId(local.id) ? (error as Error).message : undefined;
  } finally {
    lease.release();
  }
}
