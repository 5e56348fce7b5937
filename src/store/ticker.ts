/** Milliseconds between two looks at what is waiting. */
const TICK_MS = 50;

/**
 * Calls `tick` about every 50 ms with the milliseconds that passed, until the returned function is called. A tick counts
 * for at most twice its time: while our own code kept the event loop busy (unpacking is synchronous), bytes were
 * waiting for us, and not we for the store.
 */
export function startTicker(tick: (elapsedMs: number) => void): () => void {
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const elapsed = Math.min(now - last, 2 * TICK_MS);
    last = now;
    tick(elapsed);
  }, TICK_MS);
  return () => clearInterval(timer);
}
