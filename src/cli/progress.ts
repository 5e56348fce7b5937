import { Progress } from './terminal.ts';

/** How often a log is told, in milliseconds. */
const LOG_EVERY = 10_000;

/** How often a bar is drawn, in milliseconds. */
const DRAW_EVERY = 150;

const WIDTH = 20;

/** How far something is. */
export interface Steps {
  /** For people. */
  readonly figures: string;
  /** Which part of it is done, from 0 to 1; undefined where nobody knows. */
  readonly part?: number;
}

/** Tells on standard error how far something is until `done`: a bar on a terminal, which `done` clears away; elsewhere a line every ten seconds, whatever moves. */
export function showProgress(what: string, far: () => Steps): { done: () => void } {
  const bar = new Progress();
  const draw = (): void => {
    const { figures, part } = far();
    bar.show(`${what} ${part === undefined ? '' : `[${'#'.repeat(Math.round(part * WIDTH)).padEnd(WIDTH, '.')}] `}${figures}`);
  };
  const tell = (): void => void process.stderr.write(`${what}: ${far().figures}\n`);
  const timer = process.stderr.isTTY ? setInterval(draw, DRAW_EVERY) : setInterval(tell, LOG_EVERY);
  const done = (): void => {
    clearInterval(timer);
    bar.end();
  };
  return { done };
}
