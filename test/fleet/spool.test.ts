import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Spool, hasEnded, spooledAt, watch, type Job } from '../../src/fleet/spool.ts';
import { DEAD_PID, tempCache } from '../cache/support.ts';

const COLLECT: Job = { kind: 'collect', ecosystem: 'pip', after: watch(process.pid), details: { any: 'thing' } };
const PREPARE: Job = { kind: 'prepare', ids: ['a'.repeat(64), 'b'.repeat(64)], owner: { uid: 1, gid: 2, umask: 0o22 } };

describe('jobs', () => {
  it('come out as they went in, oldest first, until they are done', () => {
    const cache = tempCache();
    const spool = new Spool(cache);
    expect(spool.jobs()).toEqual([]);
    spool.add(COLLECT);
    spool.add(PREPARE);
    const jobs = new Spool(cache).jobs();
    expect(new Set(jobs.map(({ job }) => job))).toEqual(new Set([COLLECT, PREPARE]));
    for (const job of jobs) spool.done(job);
    spool.done(jobs[0]!);
    expect(spool.jobs()).toEqual([]);
  });

  it.each(['', '{', 'null', '[]', '7', '{}', '{"kind":"other"}', '{"kind":"collect","after":{}}', '{"kind":"prepare","ids":1}', '{"kind":"prepare","ids":[],"copies":"4","owner":{}}', '{"kind":"flight","set":"../x","after":{"pid":1,"host":""}}'])('%s is none, and is removed', (text) => {
    const cache = tempCache();
    const spool = new Spool(cache);
    spool.add(COLLECT);
    const { path } = spool.jobs()[0]!;
    writeFileSync(path, text);
    expect(spool.jobs()).toEqual([]);
    expect(existsSync(path)).toBe(false);
  });

  it('know when they were left', () => {
    const spool = new Spool(tempCache());
    spool.add(COLLECT);
    const [job] = spool.jobs();
    utimesSync(job!.path, 5, 5);
    expect(spooledAt(job!)).toBe(5000);
    spool.done(job!);
    expect(spooledAt(job!)).toBe(0);
  });
});

it('uploads are remembered once each', () => {
  const spool = new Spool(tempCache());
  expect(spool.uploads()).toEqual([]);
  for (const id of ['b', 'a', 'b']) spool.addUpload(id);
  expect(spool.uploads().sort()).toEqual(['a', 'b']);
  spool.uploaded('a');
  spool.uploaded('never');
  expect(spool.uploads()).toEqual(['b']);
});

it('sweeping removes what is old and unfinished, and no work', () => {
  const cache = tempCache();
  const spool = new Spool(cache);
  spool.add(COLLECT);
  spool.addUpload('a');
  const [old, young] = [spool.newReport()!, spool.newReport()!];
  for (const path of [old, young]) writeFileSync(path, '{}');
  const longAgo = Date.now() / 1000 - 2 * 86_400;
  for (const path of [old, spool.jobs()[0]!.path]) utimesSync(path, longAgo, longAgo);
  spool.sweep();
  expect(readdirSync(dirname(old)).map((name) => young.endsWith(name))).toEqual([true]);
  expect(spool.jobs()).toHaveLength(1);
  expect(spool.uploads()).toEqual(['a']);
});

describe('a process that is watched', () => {
  it('has ended when it is gone, and not before', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(child, 'spawn');
    const watched = watch(child.pid!);
    expect(hasEnded(watched, Date.now())).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(hasEnded(watched, Date.now())).toBe(true);
  });

  it.each([
    ['of a pid that nobody has', { pid: DEAD_PID }, 0, true],
    ['of a pid that somebody else has by now', { started: '1' }, 0, process.platform === 'linux'],
    ['of another host', { host: 'elsewhere:1' }, 0, false],
    ['of another host, a day ago', { host: 'elsewhere:1' }, 86_400_001, true],
  ])('%s', (_what, change, age, ended) => {
    expect(hasEnded({ ...watch(process.pid), ...change }, Date.now() - age)).toBe(ended);
  });
});
