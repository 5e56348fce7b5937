import { expect, it } from 'vitest';
import { parseFiles, serialiseFiles } from '../../src/cache/entry.ts';
import { codeOf } from './support.ts';

it('a list of files is read as it was written', () => {
  const files = [{ path: 'a', size: 1, sha256: 'f'.repeat(64), executable: true }, { path: 'b.py', size: 0, sha256: 'e'.repeat(64), executable: false, mtime: 5 }];
  expect(parseFiles(serialiseFiles(files))).toEqual(files);
});

it.each(['null', '{}', '7', '[null]', '["a"]', '[[]]', '[[7,1,"f",0,null]]', '[["a","1","f",0,null]]', '[["a",1,"f",0]]'])('%s is none', (text) => {
  expect(codeOf(() => parseFiles(text))).toBe('ENTRY_INVALID');
});
