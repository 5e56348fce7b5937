import { basename } from 'node:path';
import { discardReady } from '../../cache/shelves.ts';
import type { Command } from '../command.ts';
import { describe } from '../../cache/local.ts';
import { PkgCacheError } from '../../errors.ts';
import { isNamed, namesIn, parseNames } from '../select.ts';
import { Progress, standardOutput } from '../terminal.ts';
import { openWorld } from '../world.ts';

interface Options {
  readonly name?: readonly string[] | undefined;
  readonly file?: readonly string[] | undefined;
}

const NOTES = `What is removed is not served any more from now on. Installs that are reading it are not disturbed; its files go with
the next clean. Where there is a store, it comes from there again: see \`pkg-cache store rm\`, and \`blocked\` in the configuration.`;

export const remove: Command<Options> = {
  command: 'remove [name..]',
  describe: 'Take packages out of the local cache',
  builder: (argv) =>
    argv
      .positional('name', { type: 'string', array: true, describe: 'name, name==version, name@version, na*; pip: or npm: in front for one of them' })
      .option('file', { alias: 'r', type: 'string', array: true, describe: 'What a requirements file or a package-lock.json names' })
      .example('$0 remove requests', 'every version of it')
      .example('$0 remove requests==2.32.0 npm:left-pad', 'one version; one that npm installed')
      .example('$0 remove -r requirements.txt', 'what a file names'),
  exits: '0 something was removed, 1 nothing of that is in the cache',
  notes: NOTES,
  run: ({ name = [], file = [] }) => {
    const { cache, env } = openWorld();
    const rules = [...parseNames(name), ...file.flatMap((each) => namesIn(each, env))];
    if (rules.length === 0) throw new PkgCacheError('USAGE', 'nothing to remove was named');
    const printer = standardOutput();
    const progress = new Progress();
    let count = 0;
    const ids: string[] = [];
    for (const { key, version, path, status } of cache.list()) {
      if (key?.ecosystem === 'npm' && key.origin === 'project') ids.push(basename(path)); // a tree: what is removed may be in it
      if (key === undefined || status === 'removed' || status === 'copying') continue;
      progress.show(`looking at ${key.name}`);
      if (!isNamed(rules, key)) continue;
      cache.remove(path);
      ids.push(basename(path));
      printer.line(`removed ${describe({ key, version: version ?? key.version })} ${key.origin} ${path}`);
      count++;
    }
    if (count > 0) discardReady(cache, ids);
    progress.end();
    printer.line(count === 0 ? 'nothing of that is in the cache' : `${count} removed; pkg-cache clean deletes them`);
    printer.flush();
    return count === 0 ? 1 : 0;
  },
};
