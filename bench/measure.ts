/** One of the ways that a case compares. */
export interface Way {
  readonly name: string;
  /** Before each try, not timed. */
  prepare?(): void;
  /** One try: milliseconds. Throws when it did not do what it is there for. */
  run(): number;
  /** After each try, not timed: waits for what it left running. */
  settle?(): void;
}

/** Milliseconds by way, one for each round. */
export type Times = ReadonlyMap<string, readonly number[]>;

/**
 * Tries all ways in turn, `rounds` times, every other time in the opposite order: A B, B A, so that a busy minute of the machine hits all of them,
 * and one that becomes slower none more than another. One round before is not counted.
 */
export function measure(ways: readonly Way[], rounds: number): Times {
  const times = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      way.prepare?.();
      const took = way.run();
      way.settle?.();
      if (round >= 0) times.get(way.name)!.push(took);
      process.stderr.write(`  ${round < 0 ? 'warm-up' : `round ${round + 1}`}: ${way.name} ${took.toFixed(1)} ms\n`);
    }
  }
  return times;
}

/** The milliseconds that an action takes. */
export function timed(action: () => void): number {
  const start = performance.now();
  action();
  return performance.now() - start;
}

/** The middle of the numbers; of an even number of them, the mean of the two in the middle. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2;
}
