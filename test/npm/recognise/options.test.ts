import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { installCommand } from '../../../src/npm/recognise/commands.ts';
import { DYNAMIC } from '../../../src/npm/recognise/keys-served.ts';
import { optionTable, vocabularyOf } from '../../../src/npm/recognise/options.ts';
import { itemsOf, PATH, SEMVER, UMASK, URL_VALUE } from '../../../src/npm/recognise/value-types.ts';
import { ask, realNpms } from './support.ts';

const DOCS = readFileSync(new URL('../../../docs/compatibility.md', import.meta.url), 'utf8');

/** The rows of the documented table: key and decision. */
function documented(): [string, string][] {
  const section = DOCS.split(/^## /m).find((text) => text.startsWith('npm\n')) ?? '';
  const rows = [...section.matchAll(/^\| ((?:`[^`|]*`(?:, )?)+) \| (served|inert|passthrough) \|/gm)];
  return rows.flatMap(([, names, decision]) => (names as string).split(', ').map((name) => [name.replaceAll('`', ''), decision as string] as [string, string]));
}

describe('the table of keys', () => {
  it('is the documented one', () => {
    expect(documented().sort()).toEqual(optionTable.map((key) => [key.name, key.decision]).sort());
  });

  it('names nothing twice', () => {
    expect(new Set(optionTable.map(({ name }) => name)).size).toBe(optionTable.length);
  });
});

interface Definition {
  readonly types: readonly string[];
  readonly default: unknown;
  readonly short: readonly string[];
  readonly deprecated?: string;
  readonly exclusive: readonly string[];
  readonly exported: boolean;
}

interface Words {
  readonly keys: Readonly<Record<string, Definition>>;
  readonly shorthands: Readonly<Record<string, readonly string[]>>;
  readonly commands: Readonly<Record<string, string | null>>;
}

const TYPE_NAMES = new Map<unknown, string>([[Array, 'Array'], [Boolean, 'Boolean'], [String, 'String'], [Number, 'Number'], [Date, 'Date'], [PATH, 'path'], [URL_VALUE, 'url'], [UMASK, 'Umask'], [SEMVER, 'semver']]);
/** Refused whatever it is set to: the machine's addresses. Told apart by smaller versions than matter: values of `npm token`. */
const ODD_TYPES = new Set(['local-address', 'packages-and-scopes-permission']);
/** npm found another way to keep them apart. */
const ODD_EXCLUSIONS = new Set(['min-release-age', 'before']);

describe.each(await realNpms())('npm $version', (npm) => {
  const asking = ask<Words>(npm.npmDir, [null]);
  const ours = vocabularyOf(npm.version);

  test('has these keys, with these types, letters, defaults and words', async () => {
    const [words] = (await asking) as [Words];
    expect([...ours.keys.keys()].sort()).toEqual(Object.keys(words.keys).sort());
    for (const key of ours.keys.values()) {
      const theirs = words.keys[key.name] as Definition;
      if (!ODD_TYPES.has(key.name)) expect(itemsOf(key.type).map((type) => TYPE_NAMES.get(type) ?? JSON.stringify(type)).sort(), key.name).toEqual([...theirs.types].sort());
      if (key.default !== DYNAMIC) expect(JSON.parse(JSON.stringify(key.default)), key.name).toEqual(theirs.default);
      expect([...key.short].sort(), key.name).toEqual(theirs.short.filter((name) => name.length === 1).sort());
      expect(key.deprecated, key.name).toBe(theirs.deprecated);
      expect(key.exported, key.name).toBe(theirs.exported);
      if (!ODD_EXCLUSIONS.has(key.name)) expect([...key.exclusive].sort(), key.name).toEqual([...theirs.exclusive].sort());
    }
  });

  test('has these shorthands', async () => {
    const [words] = (await asking) as [Words];
    const letters = new Set([...ours.shorthands].filter(([, to]) => to.length === 1).map(([name]) => name));
    expect(Object.fromEntries([...ours.shorthands].sort())).toEqual(Object.fromEntries(Object.entries(words.shorthands).sort()));
    expect(letters.has('D')).toBe(true);
  });

  test('means the same installs by every beginning of a command', async () => {
    const [words] = (await asking) as [Words];
    const installs = ['ci', 'install', 'install-test', 'install-ci-test'];
    const theirs = Object.entries(words.commands).map(([word, command]) => [word, installs.includes(String(command)) ? command : undefined]);
    const major = Number.parseInt(npm.version, 10);
    expect(theirs.length).toBeGreaterThan(200);
    expect(Object.keys(words.commands).map((word) => [word, installCommand(word, major)])).toEqual(theirs);
  });
});
