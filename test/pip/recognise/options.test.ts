import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { fileWords, generalWords, optionTable } from '../../../src/pip/recognise/options.ts';
import { askPip } from './support.ts';

const DOCS = readFileSync(new URL('../../../docs/compatibility.md', import.meta.url), 'utf8');

/** The rows of the documented table: names and decision of each option. */
function documented(): [string, string][] {
  const section = DOCS.split(/^## /m).find((text) => text.startsWith('Options of `pip install`')) ?? '';
  const rows = [...section.matchAll(/^\| (`-[^|]*`) \| (\w+)[^|]*\|/gm)];
  return rows.map(([, names, decision]) => [(names as string).replace(/[`,]/g, ''), decision as string]);
}

describe('the table of options', () => {
  it('is the documented one', () => {
    const ours = optionTable.map((o) => [o.names.join(' '), o.decision]);
    expect(documented().sort()).toEqual(ours.sort());
  });

  test('knows every option of the real pip', () => {
    const [names] = askPip<string[]>('options', [null]);
    const known = new Set(optionTable.flatMap((o) => o.names));
    expect(names?.length).toBeGreaterThan(80);
    expect(names?.filter((name) => !known.has(name))).toEqual([]);
  });

  it('names nothing twice', () => {
    const names = optionTable.flatMap((o) => o.names);
    expect(new Set(names).size).toBe(names.length);
  });

  it('knows what may precede the command, and what a file may hold', () => {
    expect(generalWords.byName.has('--python')).toBe(true);
    expect(generalWords.byName.has('-r')).toBe(false);
    expect(fileWords.byName.has('--hash')).toBe(true);
    expect(fileWords.byName.has('--no-deps')).toBe(false);
  });
});
