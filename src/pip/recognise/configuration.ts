import { PkgCacheError } from '../../errors.ts';
import { opposite } from './control.ts';
import { normalKey, type Sections } from './ini.ts';
import type { PipOption, Vocabulary } from './options.ts';
import type { Context } from './request.ts';

/** A configured value of an option that the command has. */
export type Configured = readonly [PipOption, string];

/**
 * The values that files and environment give to a command's options, least important first: `[global]`, the command's
 * own section, the environment (`ConfigOptionParser._get_ordered_configuration_items`). Keys that are no option of the
 * command are ignored, and so are empty values. `command` is 'global' for the parser of what precedes the command.
 *
 * Pips before and since 26.0 differ in what becomes of a key that several files set, if it is empty in one of them or adds
 * up; and which of two keys for one thing wins depends on the order of the environment. Throws UNRECOGNISED then.
 */
export function configuredValues(files: readonly Sections[], ctx: Context, isolated: boolean, command: string, words: Vocabulary): Configured[] {
  const names = command === 'global' ? ['global'] : ['global', command];
  const groups = names.map((name) => files.flatMap((file) => entriesOf(file, name)));
  if (!isolated) groups.push(environmentEntries(ctx.env));
  return groups.flatMap((entries) => settle(entries, words));
}

function entriesOf(file: Sections, name: string): [string, string][] {
  return [...(file.get(name) ?? [])];
}

function environmentEntries(env: Context['env']): [string, string][] {
  const entries: [string, string][] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('PIP_') || value === undefined) continue;
    const key = normalKey(name.slice(4));
    if (key !== 'version' && key !== 'help') entries.push([key, value]);
  }
  return entries;
}

function settle(entries: readonly [string, string][], words: Vocabulary): Configured[] {
  const known = entries.flatMap(([key, value]) => {
    const option = words.byName.get(`--${key}`);
    return option === undefined ? [] : [{ option, key, value }];
  });
  for (const a of known) {
    if (known.some((b) => b !== a && conflict(a, b))) {
      throw new PkgCacheError('UNRECOGNISED', `${a.key} is configured more than once`);
    }
  }
  return known.filter(({ value }) => value !== '').map(({ option, value }) => [option, value] as const);
}

interface Entry {
  readonly option: PipOption;
  readonly key: string;
  readonly value: string;
}

function conflict(a: Entry, b: Entry): boolean {
  const rivals = a.option.dest === b.option.dest || opposite(a.option.dest) === b.option.dest;
  if (!rivals || a.option.decision === 'inert' || (a.value === b.value && a.key === b.key)) return false;
  return a.key !== b.key || a.value === '' || b.value === '' || a.option.kind === 'control';
}
