import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LAYOUT } from '../cache/entry.ts';
import type { Store } from '../store/store.ts';
import { timeName } from './journal.ts';

/**
 * A flight: a worker that has the real tool install a set at this moment, and will store what that brings. Others that miss the same set wait for
 * it rather than do it all again. What there is to know is in the names of empty objects:
 *
 *     v1/flights/<set>/<time>-<random>.<n>.<phase>     the n-th sign of life
 *
 * `installing`; `storing-<ms>`: the real tool has ended and took so long; `landed`: all is in the store, or nothing will be. Ages are told by the
 * store's clock alone.
 */
export type Phase = { readonly kind: 'installing' } | { readonly kind: 'storing'; readonly took: number } | { readonly kind: 'landed' };

/** How often a flight shows that it is alive, and after which silence it counts as lost, in milliseconds. */
export const SIGN_EVERY = 10_000;
export const LOST_AFTER = 35_000;

/** Flights that began before so long are not looked at. Generous, since our own clock may be off by a day. In milliseconds. */
const LOOK_BACK = 2 * 86_400_000;

/** How long to wait before it is looked again: a tenth of what was waited so far, within these bounds in milliseconds. */
const SHORTEST_PAUSE = 500;
const LONGEST_PAUSE = 5_000;

/** What all flights begin with. */
export const FLIGHTS = `v${LAYOUT}/flights/`;

/** A name for a new flight of a set, which begins at a time by the store's clock. */
export function flightName(set: string, time: number): string {
  return `${FLIGHTS}${set}/${timeName(time)}-${randomBytes(4).toString('hex')}`;
}

/** The key of a flight's n-th sign of life. */
export function signKey(name: string, n: number, phase: Phase): string {
  return `${name}.${n}.${phase.kind === 'storing' ? `storing-${Math.round(phase.took)}` : phase.kind}`;
}

/** The phases of those flights of a set that are worth waiting for: not landed, and heard of a moment ago. Throws STORE_*. */
export async function flightsOf(store: Store, set: string): Promise<Phase[]> {
  const prefix = `${FLIGHTS}${set}/`;
  const { objects } = await store.list(prefix, { after: prefix + timeName(Date.now() - LOOK_BACK) });
  if (objects.length === 0) return [];
  const newest = new Map<string, { n: number; phase: Phase; modified: number }>();
  for (const { key, modified } of objects) {
    const [, name = '', n = '', word = '', took = ''] = /\/([^/.]+)\.(\d+)\.(installing|storing|landed)(?:-(\d+))?$/.exec(key) ?? [];
    if (name === '' || (newest.get(name)?.n ?? -1) >= Number(n)) continue;
    newest.set(name, { n: Number(n), phase: word === 'storing' ? { kind: word, took: Number(took) } : { kind: word as 'installing' | 'landed' }, modified });
  }
  const now = await store.now();
  return [...newest.values()].filter(({ phase, modified }) => phase.kind !== 'landed' && now - modified < LOST_AFTER).map(({ phase }) => phase);
}

/**
 * Waits while somebody else brings a set: at most `limit` milliseconds, and never longer than that one's real tool took, because until it has
 * ended it has been at work for longer than we have waited. Throws STORE_*.
 */
export async function waitForFlights(store: Store, set: string, limit: number): Promise<void> {
  const began = performance.now();
  for (;;) {
    const waited = performance.now() - began;
    const phases = await flightsOf(store, set);
    const left = Math.min(limit, Math.max(0, ...phases.map((phase) => (phase.kind === 'storing' ? phase.took : Infinity)))) - waited;
    if (left <= 0) return;
    await sleep(Math.min(left, Math.max(SHORTEST_PAUSE, Math.min(LONGEST_PAUSE, waited / 10))));
  }
}
