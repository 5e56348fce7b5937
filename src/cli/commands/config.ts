import { configFiles, inspectSettings, processEnv, type Inspected } from '../../config.ts';
import { setInFile } from '../config-file.ts';
import { PkgCacheError } from '../../errors.ts';
import type { Command } from '../command.ts';
import { standardOutput, type Printer } from '../terminal.ts';

interface Options {
  readonly action?: string | undefined;
  readonly key?: string | undefined;
  readonly value?: string | undefined;
  readonly level?: string | undefined;
  readonly json: boolean;
}

export const config: Command<Options> = {
  command: 'config [action] [key] [value]',
  describe: 'Show settings and where they come from, or change one',
  builder: (argv) =>
    argv
      .positional('action', { choices: ['list', 'get', 'set'], default: 'list', describe: 'What to do' })
      .positional('key', { type: 'string', describe: 'A key such as store, or its variable' })
      .positional('value', { type: 'string', describe: "With set: the new value; '' takes the key out of the file" })
      .option('level', { choices: ['user', 'installation', 'system'], default: 'user', describe: 'With set: whose file' })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
      .example('$0 config', 'every setting, its value, and where that comes from')
      .example('$0 config get store', 'the value alone')
      .example('$0 config set max_size 20G', 'in ~/.config/pkg-cache/config')
      .example("$0 config set blocked 'evil-*, left-pad@1.0' --level system", 'in /etc/pkg-cache/config'),
  exits: '0 done, 1 a value cannot be used (or, with get, is not set), 2 there is no such key',
  run: ({ action, key, value, level, json }) => {
    const printer = standardOutput();
    const code = action === 'set' ? set(key, value, level) : show(action === 'get' ? rowFor(key) : undefined, json, printer);
    printer.flush();
    return code;
  },
};

function inspect(): ReturnType<typeof inspectSettings> {
  const env = processEnv();
  return inspectSettings(env, configFiles(env));
}

function rowFor(key: string | undefined): Inspected {
  const { rows } = inspect();
  const row = rows.find(({ setting }) => setting.key === key || setting.variable === key);
  if (!row) throw new PkgCacheError('USAGE', key === undefined ? 'name a setting' : `there is no setting ${key}`, { hint: `known are ${rows.map(({ setting }) => setting.key).join(', ')}` });
  return row;
}

function show(only: Inspected | undefined, json: boolean, printer: Printer): number {
  if (only) {
    const text = textOf(only);
    if (json) printer.line(JSON.stringify(describe(only), null, 2));
    else if (text !== undefined) printer.line(text);
    return text === undefined ? 1 : 0;
  }
  const { rows, problems } = inspect();
  if (json) printer.line(JSON.stringify({ settings: rows.map(describe), problems: problems.map(({ message }) => message) }, null, 2));
  else for (const row of rows) printer.line(`${row.setting.key.padEnd(14)} ${(textOf(row) ?? '').padEnd(30)} ${printer.paint('dim', sourceOf(row))}`);
  printer.flush();
  for (const { message } of problems) console.error(`pkg-cache: ${message}`);
  return problems.length === 0 ? 0 : 1;
}

/** As it would be written; undefined: not set. */
function textOf({ setting, sources }: Inspected): string | undefined {
  if (sources.length === 0) return setting.fallback;
  return setting.type.list ? sources.map(({ text }) => text).join(', ') : sources[0]?.text;
}

function sourceOf({ setting, sources }: Inspected): string {
  if (sources.length === 0) return setting.fallback === undefined ? 'not set' : 'default';
  return (setting.type.list ? sources : sources.slice(0, 1)).map(({ name }) => name).join('; ');
}

function describe(row: Inspected): object {
  const { setting, sources } = row;
  return { key: setting.key, variable: setting.variable, value: textOf(row) ?? null, source: sourceOf(row), default: setting.fallback ?? null, sources };
}

function set(key: string | undefined, value: string | undefined, level: string | undefined): number {
  const { setting } = rowFor(key);
  if (value === undefined) throw new PkgCacheError('USAGE', 'set needs a value');
  const file = configFiles(processEnv()).find((each) => each.level === level);
  if (!file) throw new PkgCacheError('USAGE', 'there is no such file: HOME is not set');
  if (value !== '' && setting.type.parse(value) === undefined) throw new PkgCacheError('USAGE', `${setting.key}: ${setting.type.complain(value)}`);
  setInFile(file.path, setting.key, value);
  const [strongest] = rowFor(key).sources;
  const hidden = strongest !== undefined && strongest.level !== level;
  console.error(`${setting.key} is ${value === '' ? 'taken out of' : 'set in'} ${file.path}${hidden ? `; ${strongest.name} is stronger` : ''}`);
  return 0;
}
