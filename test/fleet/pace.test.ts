import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { considerate } from '../../src/fleet/pace.ts';

it('background work stands still while an install is at work, what cannot wait is done meanwhile, and then it goes on', async () => {
  let busy = false;
  let tended = 0;
  const pace = considerate({ isBusy: () => busy, tend: () => (tended += 1), signal: new AbortController().signal });
  await pace.between();
  expect(tended).toBe(1);
  await sleep(250); // it looks no more often than that
  busy = true;
  let over = false;
  const between = pace.between().then(() => (over = true));
  await sleep(700);
  expect(over).toBe(false);
  expect(tended).toBeGreaterThan(2);
  busy = false;
  await between;
});

it('steps aside for a while only while an install hangs, and for the next one again', async () => {
  let busy = true;
  let looks = 0;
  const pace = considerate({ isBusy: () => busy, tend: () => (looks += 1), signal: new AbortController().signal }, 1_000);
  const stepsAside = async (): Promise<boolean> => {
    looks = 0;
    await pace.between();
    return looks > 1;
  };
  expect(await stepsAside()).toBe(true);
  expect(await stepsAside()).toBe(false);
  busy = false;
  await sleep(250);
  expect(await stepsAside()).toBe(false);
  busy = true;
  await sleep(250);
  expect(await stepsAside()).toBe(true);
});

it('ends when it is told to, also while it stands aside', async () => {
  const stop = new AbortController();
  const pace = considerate({ isBusy: () => true, tend: () => undefined, signal: stop.signal });
  const between = pace.between();
  stop.abort();
  await expect(between).rejects.toThrow();
  await expect(pace.between()).rejects.toThrow();
});
