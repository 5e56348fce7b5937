import { existsSync } from 'node:fs';
import type { ConfigFile, inspectSettings } from '../../config.ts';
import { checksOf, type Check } from './check.ts';

const { ok, note, problem } = checksOf('settings');

/** What is set, by whom, and what of that cannot be used. */
export function checkSettings({ rows, problems }: ReturnType<typeof inspectSettings>, files: readonly ConfigFile[]): Check[] {
  const read = files.filter(({ path }) => existsSync(path)).map(({ path }) => path);
  const set = rows.filter(({ sources }) => sources.length > 0).map(({ setting, sources }) => {
    const said = setting.type.list ? sources : sources.slice(0, 1);
    const hidden = setting.type.list || sources.length === 1 ? '' : `; over ${sources.slice(1).map(({ name }) => name).join(', ')}`;
    return ok(`${setting.key} = ${said.map(({ text }) => text).join(', ')} (${said.map(({ name }) => name).join(', ')}${hidden})`);
  });
  return [
    read.length > 0 ? ok(`read: ${read.join(', ')}`) : note('no config file was found', 'run install.sh, or set PKG_CACHE_DIR'),
    ...set,
    ...problems.map(({ message, hint }) => problem(`${message}; every install is left to the real tool`, hint ?? 'correct it there; docs/configuration.md says what it takes')),
  ];
}
