import { expect, it } from 'vitest';
import { parseMetadata } from '../../src/pip/metadata.ts';

const METADATA = ['Metadata-Version: 2.1', 'Name: Ash', 'Version:  1.0 ', 'Requires-Dist: birch (>=1)', 'requires-dist: cedar; extra == "x"', 'Requires-Python: >=3.8', 'Summary: one', '        two: three', '', 'Requires-Dist: not-me', ''];

it.each(['\n', '\r\n'])('headers are read, the description is not (%j)', (newline) => {
  expect(parseMetadata(METADATA.join(newline))).toEqual({ name: 'Ash', version: '1.0', requiresDist: ['birch (>=1)', 'cedar; extra == "x"'], requiresPython: '>=3.8', providesExtra: [] });
});

it.each([
  ['', { name: '', version: '', requiresDist: [], requiresPython: undefined, providesExtra: [] }],
  ['Name: a', { name: 'a', version: '', requiresDist: [], requiresPython: undefined, providesExtra: [] }],
  ['Requires-Dist: a;\n  extra == "x"\nName: b\n', { name: 'b', version: '', requiresDist: ['a; extra == "x"'], requiresPython: undefined, providesExtra: [] }],
  ['Name: a\nName: b\n', { name: 'a', version: '', requiresDist: [], requiresPython: undefined, providesExtra: [] }],
])('%j', (text, expected) => expect(parseMetadata(text)).toEqual(expected));
