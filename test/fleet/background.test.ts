import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimesSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { tryClaim } from '../../src/cache/claim.ts';
import type { LocalCache } from '../../src/cache/local.ts';
import { isInstalling, type BackgroundOptions } from '../../src/fleet/background.ts';
import { runDaemon } from '../../src/fleet/daemon.ts';
import { Spool, watch, type Watched } from '../../src/fleet/spool.ts';
import { DEAD_PID, tempCache } from '../cache/support.ts';

function options(cache: LocalCache = tempCache()): BackgroundOptions {
  return { cache, spool: new Spool(cache), openStore: undefined, collectors: {}, assemblers: {}, log: () => undefined };
}

const ELSEWHERE: Watched = { pid: 1, host: 'elsewhere:1:1', started: '1' };

describe('an install is at work', () => {
  it('while it places files', () => {
    const at = options();
    expect(isInstalling(at)).toBe(false);
    tryClaim(at.cache.path('claims', 'other'));
    expect(isInstalling(at)).toBe(false);
    const claim = tryClaim(at.cache.path('claims', 'env-1'));
    expect(isInstalling(at)).toBe(true);
    claim?.release();
    expect(isInstalling(at)).toBe(false);
  });

  it('while the real tool is, whether others are told of it or not', async () => {
    for (const job of [{ kind: 'collect', ecosystem: 'pip', details: {} }, { kind: 'flight', set: 'ab'.repeat(16) }] as const) {
      const at = options();
      const tool = spawn('sleep', ['600'], { stdio: 'ignore' });
      at.spool.add({ ...job, after: watch(tool.pid!) });
      expect(isInstalling(at)).toBe(true);
      tool.kill('SIGKILL');
      await once(tool, 'exit');
      expect(isInstalling(at)).toBe(false);
    }
  });

  it('for some minutes, as far as can be told of another container', () => {
    const at = options();
    at.spool.add({ kind: 'collect', ecosystem: 'pip', details: {}, after: ELSEWHERE });
    expect(isInstalling(at)).toBe(true);
    const then = Date.now() / 1000 - 660;
    for (const { path } of at.spool.jobs()) utimesSync(path, then, then);
    expect(isInstalling(at)).toBe(false);
  });

  it('not when only something is to be made for the next one', () => {
    const at = options();
    at.spool.add({ kind: 'prepare', ids: [], owner: { uid: 1, gid: 1, umask: 0 } });
    at.spool.add({ kind: 'collect', ecosystem: 'pip', details: {}, after: { ...watch(process.pid), pid: DEAD_PID } });
    expect(isInstalling(at)).toBe(false);
  });
});

/** A daemon that writes down what it does. */
function daemon(cache: LocalCache, name: string, did: string[]): { end: () => Promise<void> } {
  const stop = new AbortController();
  const note = (what: string) => async () => void did.push(`${name} ${what}`);
  const ended = runDaemon({ background: options(cache), signal: stop.signal, begin: note('begins'), isDue: () => true, attend: note('attends') });
  return { end: () => (stop.abort(), ended) };
}

it('of two daemons on one cache one is at work, and the other when that one has ended', async () => {
  const cache = tempCache();
  const did: string[] = [];
  const more = async (): Promise<void> => {
    for (const end = did.length + 3; did.length < end; ) await sleep(20);
  };
  const one = daemon(cache, 'one', did);
  await more();
  const two = daemon(cache, 'two', did);
  await more();
  await one.end();
  const before = did.length;
  expect(new Set(did)).toEqual(new Set(['one begins', 'one attends']));
  await more();
  await two.end();
  expect(did[before]).toBe('two begins');
  expect(did.lastIndexOf('one attends')).toBeLessThan(before);
});
