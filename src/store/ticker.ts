/** Milliseconds between two looks at what is waiting. */
const TICK_MS = 50;

/** The most that one look counts for. */
const MOST_MS = 500;

/**
 * Calls `tick` about every 50 ms with the milliseconds that passed, until the returned function is called. One tick counts
 * for half a second at most: while our own code kept the event loop busy (unpacking is synchronous), bytes were waiting
 * for us, and not we for the store. They are seen before the next tick.
 */
export function startTicker(tick: (elapsedMs: number) => void): () => void {
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const elapsed = Math.min(now - last, MOST_MS);
    last = now;
    tick(elapsed);
  }, TICK_MS);
  return () => clearInterval(timer);
}
