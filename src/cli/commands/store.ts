import { PkgCacheError } from '../../errors.ts';
import { AT_ONCE } from '../../fleet/pace.ts';
import { ifAllowed, remover } from '../../fleet/tend/remove.ts';
import { removeSuperseded } from '../../fleet/tend/superseded.ts';
import { removeUnused } from '../../fleet/tend/unused.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import type { Command } from '../command.ts';
import { confirm } from '../confirm.ts';
import { wholeNumber } from '../numbers.ts';
import { namesIn, parseNames } from '../select.ts';
import { findGarbage } from '../store/garbage.ts';
import { inventory, nameOf, readPointers, type Item, type Wanted } from '../store/inventory.ts';
import { planRemoval, removeItems } from '../store/remove.ts';
import { usage } from '../store/usage.ts';
import { formatAge, formatBytes, formatCount, Progress, standardOutput, type Printer } from '../terminal.ts';
import { openFleet, openWorld } from '../world.ts';

interface Options {
  readonly action?: string | undefined;
  readonly name?: readonly string[] | undefined;
  readonly file?: readonly string[] | undefined;
  readonly ecosystem?: string | undefined;
  readonly platform?: string | undefined;
  readonly long: boolean;
  readonly all: boolean;
  readonly unused?: number | undefined;
  readonly yes: boolean;
  readonly 'dry-run': boolean;
  readonly json: boolean;
}

const DAY = 86_400_000;

const NOTES = `What rm removes stays on the disks of workers and in snapshots, and a worker that has it may store it again: to keep a package out, set
\`blocked\` for all of them. gc removes archives without a pointer, pointers without an archive, damaged ones, snapshots that were replaced,
and uploads that were given up; nothing younger than a day.`;

export const store: Command<Options> = {
  command: 'store <action> [name..]',
  describe: 'Show what is in the store, and remove from it',
  builder: (argv) =>
    argv
      .positional('action', { choices: ['ls', 'du', 'rm', 'gc'], describe: 'ls: entries; du: how much of what; rm: remove packages; gc: remove what is of no use' })
      .positional('name', { type: 'string', array: true, describe: 'Only these: name, name==version, name@version, na*' })
      .option('file', { alias: 'r', type: 'string', array: true, describe: 'What a requirements file or a package-lock.json names' })
      .option('ecosystem', { alias: 'e', choices: ['pip', 'npm'], describe: 'Only what is of pip, or of npm' })
      .option('platform', { alias: 'p', type: 'string', describe: 'Only platforms whose name contains this: cpython-312, aarch64', requiresArg: true })
      .option('long', { alias: 'l', type: 'boolean', default: false, describe: 'ls: sizes too; asks for each entry' })
      .option('all', { type: 'boolean', default: false, describe: 'rm: everything, if nothing is named' })
      .option('unused', { type: 'number', requiresArg: true, coerce: wholeNumber('--unused', 1), describe: 'gc: also what no worker has used for so many days' })
      .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'rm, gc: do not ask' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'rm, gc: only say what would go' })
      .option('json', { type: 'boolean', default: false, describe: 'ls, du: print JSON' })
      .example('$0 store ls', 'every entry: ecosystem, package, platform, origin, when it was stored')
      .example("$0 store ls -l 'torch*' -p cpython-312", 'with sizes, for one version of Python')
      .example('$0 store du', 'by ecosystem and platform')
      .example('$0 store rm requests==2.32.0', 'asks first; --yes where there is no terminal')
      .example('$0 store gc --unused 90 --dry-run', 'what would go'),
  exits: '0 done, 1 nothing of that is in the store, or it could not be done, 2 there is no terminal to ask on',
  notes: NOTES,
  run: async (options) => {
    const { cache, env } = openWorld();
    const names = [...parseNames(options.name ?? []), ...(options.file ?? []).flatMap((each) => namesIn(each, env))];
    const request: Request = { ...options, dryRun: options['dry-run'], wanted: { names, ecosystem: options.ecosystem, platform: options.platform }, printer: standardOutput() };
    const { fleet, close } = await openFleet(AT_ONCE);
    try {
      return await (ACTIONS[options.action ?? 'ls'] ?? ls)({ ...fleet, cache }, request);
    } finally {
      request.printer.flush();
      close();
    }
  },
};

interface Request extends Omit<Options, 'name' | 'file'> {
  readonly dryRun: boolean;
  readonly wanted: Wanted;
  readonly printer: Printer;
}

type Action = (fleet: Fleet, request: Request) => Promise<number>;

const ACTIONS: Readonly<Record<string, Action>> = { ls, du, rm, gc };

async function ls({ store, cache, pointers }: Fleet, { wanted, long, json, printer }: Request): Promise<number> {
  let count = 0;
  const show = (item: Item, bytes: number | undefined): void => {
    if (json) printer.write(`${count === 0 ? '' : ','}\n  ${JSON.stringify(rowOf(item, bytes))}`);
    else {
      if (count === 0) printer.line(printer.paint('bold', columns('tool', 'package', 'size', 'stored', 'origin', 'platform')));
      printer.line(lineOf(item, bytes));
    }
    count++;
  };
  if (json) printer.write('[');
  let batch: Item[] = [];
  const flush = async (): Promise<void> => {
    await readPointers({ store, pointers }, batch, (read) => show(read.item, 'archive' in read ? read.archive.size : undefined));
    batch = [];
  };
  for await (const item of inventory(store, cache, wanted)) {
    if (!long) show(item, item.isOriginal ? item.object.size : undefined);
    else if (batch.push(item) >= 500) await flush();
  }
  await flush();
  if (json) printer.line(count === 0 ? ']' : '\n]');
  else printer.line(`${formatCount(count, 'entry', 'entries')} in ${store.label}`);
  return count === 0 && wanted.names.length > 0 ? 1 : 0;
}

function rowOf({ ecosystem, name, version, platform, origin, object }: Item, bytes: number | undefined): object {
  return { ecosystem, package: name ?? null, version, platform, origin, key: object.key, bytes, stored: new Date(object.modified).toISOString() };
}

function lineOf(item: Item, bytes: number | undefined): string {
  const size = bytes === undefined ? '' : formatBytes(bytes);
  return columns(item.ecosystem, nameOf(item), size, formatAge(item.object.modified), item.origin.slice(0, 16), item.platform);
}

function columns(tool: string, what: string, size: string, stored: string, origin: string, platform: string): string {
  return [tool.padEnd(4), what.padEnd(36), size.padStart(9), stored.padStart(10), origin.padEnd(16), platform].join(' ');
}

async function du(fleet: Fleet, { wanted, json, printer }: Request): Promise<number> {
  const progress = new Progress();
  const rows = await usage(fleet, wanted, (count) => progress.show(formatCount(count, 'entry', 'entries')));
  progress.end();
  const total = rows.reduce((sum, { count, bytes }) => ({ count: sum.count + count, bytes: sum.bytes + bytes }), { count: 0, bytes: 0 });
  if (json) {
    printer.line(JSON.stringify({ store: fleet.store.label, rows, total }, null, 2));
    return 0;
  }
  const line = (what: string, platform: string, count: string, bytes: string): string => `${what.padEnd(26)} ${count.padStart(8)} ${bytes.padStart(10)}  ${platform}`.trimEnd();
  printer.line(printer.paint('bold', line('what', 'platform', 'objects', 'bytes')));
  for (const { what, platform, count, bytes } of rows) printer.line(line(what, platform, String(count), formatBytes(bytes)));
  printer.line(printer.paint('bold', line('together', fleet.store.label, String(total.count), formatBytes(total.bytes))));
  return 0;
}

async function rm({ store, cache, pointers }: Fleet, { wanted, all, yes, dryRun, printer }: Request): Promise<number> {
  const isNarrow = wanted.names.length > 0 || wanted.ecosystem !== undefined || wanted.platform !== undefined;
  if (!isNarrow && !all) throw new PkgCacheError('USAGE', 'nothing to remove was named', { hint: '--all removes everything' });
  const related: Item[] = [];
  for await (const item of inventory(store, cache, { ...wanted, platform: undefined })) related.push(item);
  const items = related.filter(({ platform }) => wanted.platform === undefined || platform.includes(wanted.platform));
  if (items.length === 0) {
    printer.line(`nothing of that is in ${store.label}`);
    return 1;
  }
  const removal = await planRemoval({ store, pointers }, items, related);
  for (const item of items) printer.line(lineOf(item, undefined));
  const what = `${formatCount(items.length, 'entry', 'entries')}, ${formatBytes(removal.bytes)}, from ${store.label}`;
  if (dryRun) {
    printer.line(`would remove ${what}`);
    return 0;
  }
  printer.flush();
  if (!yes && !(await confirm(`Remove ${what}?`))) return notRemoved(printer);
  const progress = new Progress();
  await removeItems(store, removal, (count) => progress.show(`${count} of ${items.length} removed`));
  progress.end();
  printer.line(`removed ${what}`);
  return 0;
}

function notRemoved(printer: Printer): number {
  printer.line('nothing was removed');
  return 1;
}

async function gc(fleet: Fleet, { wanted, unused, yes, dryRun, printer }: Request): Promise<number> {
  if (wanted.names.length > 0 || wanted.ecosystem !== undefined || wanted.platform !== undefined) throw new PkgCacheError('USAGE', 'gc goes through the whole store', { hint: 'rm takes names, -e and -p' });
  if (unused !== undefined && fleet.settings.useIsUnknown && !dryRun) {
    throw new PkgCacheError('CONFIG', 'nothing counts as unused: workers that may only read do not write down what they use', { hint: 'give those record_use, and set all_record_use = on when every worker of this store writes it down' });
  }
  const progress = new Progress();
  const garbage = await findGarbage(fleet, (count) => progress.show(`${count} entries looked at`));
  progress.end();
  for (const { key, size, why } of garbage) printer.line(`${formatBytes(size).padStart(9)} ${key}: ${why}`);
  printer.flush();
  const what = `${formatCount(garbage.length, 'object')}, ${formatBytes(garbage.reduce((sum, { size }) => sum + size, 0))}`;
  const more = unused === undefined ? '' : `, and what nobody has used for ${unused} days`;
  if (!dryRun && !yes && !(await confirm(`Remove ${what}${more}, from ${fleet.store.label}?`))) return notRemoved(printer);
  const { store } = fleet;
  const removing = remover({ store, log: (message) => console.error(`pkg-cache: ${message}`) });
  let kept = 0;
  const remove = async (key: string): Promise<boolean> => {
    const removed = dryRun || (await removing(key));
    if (!removed) kept++;
    return removed;
  };
  for (const { key } of garbage) await remove(key);
  const now = await store.now();
  const entries = unused === undefined ? 0 : await removeUnused({ ...fleet, settings: { ...fleet.settings, storeWindow: unused * DAY } }, now, remove);
  const replaced = await removeSuperseded(fleet, now, remove);
  const uploads = dryRun ? 0 : ((await ifAllowed(() => store.tidy(), (why) => printer.line(`abandoned uploads stay: ${why}`))) ?? 0);
  printer.line(`${dryRun ? 'would remove' : 'removed'} ${what}${unused === undefined ? '' : `; ${formatCount(entries, 'unused entry', 'unused entries')}`}; ${formatCount(replaced, 'old object')} of snapshots and claims${dryRun ? '' : `; ${formatCount(uploads, 'abandoned upload')}`}${kept > 0 ? `; ${kept} could not be removed` : ''}`);
  return kept === 0 ? 0 : 1;
}
