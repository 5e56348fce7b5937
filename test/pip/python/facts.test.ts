import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { PIP_FACTS, remembered, type PipFacts } from '../../../src/pip/python/facts.ts';
import { tempDir } from '../../cache/support.ts';

const ANSWER: PipFacts = { scriptTemplate: '# -*- coding: utf-8 -*-\nimport re\n', rootWarning: 'careful' };

/** What is remembered of what a file says, and how often it was asked for. */
function given(text: string): { file: string; ask: () => PipFacts; asked: () => number } {
  const file = join(tempDir(), 'pips/x.json');
  mkdirSync(dirname(file));
  writeFileSync(file, text);
  let asked = 0;
  return { file, ask: () => remembered(file, 'stamp', PIP_FACTS, () => (asked++, ANSWER)), asked: () => asked };
}

it.each([
  'null',
  '{"stamp":"stamp"',
  '{"stamp":"stamp"}',
  '{"stamp":"stamp","answer":null}',
  '{"stamp":"stamp","answer":{"scriptTemplate":"x"}}',
  '{"stamp":"stamp","answer":{"scriptTemplate":7,"rootWarning":"x"}}',
  '{"stamp":"other","answer":{"scriptTemplate":"x","rootWarning":"x"}}',
])('%s is asked anew, once', (text) => {
  const { file, ask, asked } = given(text);
  expect(ask()).toEqual(ANSWER);
  expect(ask()).toEqual(ANSWER);
  expect(asked()).toBe(1);
  expect(readdirSync(dirname(file))).toEqual(['x.json']);
});

it('an answer is not asked again', () => {
  const { ask, asked } = given(JSON.stringify({ stamp: 'stamp', answer: ANSWER }));
  expect(ask()).toEqual(ANSWER);
  expect(asked()).toBe(0);
});

it('a link under the name that a draft might have is not followed', () => {
  const { file, ask } = given('');
  const precious = join(dirname(file), 'precious');
  writeFileSync(precious, 'precious');
  symlinkSync(precious, `${file}.${process.pid}`);
  ask();
  expect(readFileSync(precious, 'utf8')).toBe('precious');
});
