import type { Report } from '../inside/plan.ts';

/** When install scripts ran: epoch milliseconds. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** A file's times come from a clock that may be a tick behind, in milliseconds. */
const TICK = 5;

/** When the install scripts of each package ran, by location. */
export function windowsOf({ scripts }: Report): Map<string, Window[]> {
  const windows = new Map<string, Window[]>();
  for (const { location, spared, began, ended } of scripts) {
    if (!spared) windows.set(location, [...(windows.get(location) ?? []), { from: began - TICK, to: (ended ?? began) + TICK }]);
  }
  return windows;
}

/** From the first install script to the end of the last; undefined if none was run. */
export function windowOf({ scripts }: Report): Window | undefined {
  const run = scripts.filter(({ spared }) => !spared);
  if (run.length === 0) return undefined;
  return { from: Math.min(...run.map(({ began }) => began)) - TICK, to: Math.max(...run.map(({ began, ended }) => ended ?? began)) + TICK };
}
