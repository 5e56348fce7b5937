import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PkgCacheError } from '../src/errors.ts';
import { Spool } from '../src/fleet/spool.ts';
import { isLogRecord, logFiles, openLog } from '../src/log.ts';
import { replaceFile } from '../src/replace-file.ts';
import { tempCache, tempDir } from './cache/support.ts';

it('an error says nothing that steers a terminal', () => {
  expect(new PkgCacheError('CONFIG', 'a\u001b[31mb\nc\u009b').message).toBe('a\\u001b[31mb\\u000ac\\u009b');
});

it('nor does a line of the log, and one that somebody else has written is none', () => {
  const cache = tempCache();
  openLog(cache, 1)('not cached: x\u001b]0;y\u0007\u009b', { entry: 'x\nERROR' });
  const files = logFiles(cache);
  const [day = ''] = files.days();
  const [record] = files.read(day);
  expect(record).toMatchObject({ message: 'not cached: x\\u001b]0;y\\u0007\\u009b', entry: 'x\\u000aERROR' });
  expect(isLogRecord(record)).toBe(true);
  for (const odd of [{ message: 'a\u001b[2J' }, { entry: 'a\nb' }, { level: '\u001b' }, { seconds: '1' }]) expect(isLogRecord({ ...(record as object), ...odd })).toBe(false);
});

it('a file is replaced without following a link that lies beside it', () => {
  const dir = tempDir();
  writeFileSync(join(dir, 'other'), 'other');
  symlinkSync(join(dir, 'other'), join(dir, `state.${process.pid}`));
  replaceFile(join(dir, 'state'), 'new');
  expect(readFileSync(join(dir, 'state'), 'utf8')).toBe('new');
  expect(readFileSync(join(dir, 'other'), 'utf8')).toBe('other');
  mkdirSync(join(dir, 'taken'));
  expect(() => replaceFile(join(dir, 'taken'), 'x')).toThrow();
  expect(readdirSync(dir).filter((name) => name.startsWith('taken.'))).toEqual([]);
});

it.each<[string, unknown]>([
  ['an owner that leads elsewhere', { kind: 'prepare', ids: [], owner: { uid: '../../x', gid: 0, umask: 18 } }],
  ['ids that lead elsewhere', { kind: 'prepare', ids: ['../../x'], owner: { uid: 0, gid: 0, umask: 18 } }],
  ['no owner', { kind: 'assemble', ecosystem: 'npm', details: {} }],
  ['an ecosystem that is a property', { kind: 'collect', ecosystem: 'constructor', after: { pid: 1, host: 'h', started: '' }, details: {} }],
  ['a kind that is a property', { kind: '__proto__' }],
  ['nobody to wait for', { kind: 'collect', ecosystem: 'pip', after: null, details: {} }],
])('a job with %s is none', (_what, job) => {
  const cache = tempCache();
  mkdirSync(cache.path('spool', 'jobs'), { recursive: true });
  writeFileSync(cache.path('spool', 'jobs', '1-a.json'), JSON.stringify(job));
  expect(new Spool(cache).jobs()).toEqual([]);
});
