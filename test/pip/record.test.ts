import { expect, it } from 'vitest';
import { formatRecord, hashedRow, insertRows, parseRecord, type RecordRow } from '../../src/pip/record.ts';
import { askParts, dice } from './support.ts';

const NAMES = ['a.py', 'A.py', 'a b.py', ' a', 'a,b.py', '"a".py', 'a"b', ',', '""', "it's", '../../../bin/x', 'a-1.dist-info/RECORD', 'é.py', '中.txt', '\u{1F600}.py', '\uFFFD.py', '\uE000', 'a\tb', 'a;b', '#a', 'ﬁ', 'z'.repeat(300)];
const ROWS: RecordRow[] = NAMES.map((name, i) => (i % 3 === 0 ? [name, '', ''] : hashedRow(name, name)));

it('is written as Python writes it, sorted as pip sorts it', () => {
  expect(formatRecord(ROWS)).toBe(askParts<string>('record', [ROWS])[0]);
});

it('is read as it was written', () => {
  expect(new Set(parseRecord(formatRecord(ROWS)).map((row) => row.join('|')))).toEqual(new Set(ROWS.map((row) => row.join('|'))));
});

it.each([
  ['', []],
  ['a,sha256=x,1\n', [['a', 'sha256=x', '1']]],
  ['a,,\r\n\r\nb,,\r\n', [['a', '', ''], ['b', '', '']]],
  ['a', [['a', '', '']]],
  ['"a,b",sha256=x,1', [['a,b', 'sha256=x', '1']]],
  ['"a""b",,', [['a"b', '', '']]],
  ['"",,', [['', '', '']]],
  ['"a","sha256=x","1"', [['a', 'sha256=x', '1']]],
] as [string, RecordRow[]][])('%j', (text, rows) => expect(parseRecord(text)).toEqual(rows));

it('rows that are put into a sorted one come to where sorting would put them', () => {
  for (let seed = 0; seed < 200; seed++) {
    const roll = dice(seed);
    const [inside, added]: [RecordRow[], RecordRow[]] = [[], []];
    for (const row of ROWS) {
      const where = roll(3);
      if (where < 2) (where === 0 ? inside : added).push(row);
    }
    expect(insertRows(formatRecord(inside), added)).toBe(formatRecord([...inside, ...added]));
  }
});

it('a row has the hash as PEP 376 writes it, and the size in bytes', () => {
  expect(hashedRow('a', 'é')).toEqual(['a', 'sha256=SplVfkAzw1Od4utlRyAXytX5VX96BiWgnxw_biumnEw', '2']);
});
