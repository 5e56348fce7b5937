/** What one store has turned out to be, so that it is not found out anew by every process. Losing it costs requests. */
export interface Facts {
  /** The region that a bucket is in although another one is configured. */
  readonly region?: RegionFact | undefined;
  /** When the store was seen to refuse conditional writes, in epoch milliseconds. */
  readonly unconditionalAt?: number | undefined;
}

/** Holds for the endpoint (empty: AWS's own) and the configured region that it was found with. */
export interface RegionFact {
  readonly endpoint: string;
  readonly configured: string;
  readonly actual: string;
}

/** Where the facts about one location are kept. What is there was written by anybody: each fact is checked by whoever uses it. */
export interface StoreFacts {
  read(): Facts;
  /** Changes some facts. That they cannot be kept is no error. */
  note(facts: Facts): void;
}

/** Facts that only this process knows of. */
export function memoryFacts(): StoreFacts {
  let known: Facts = {};
  return { read: () => known, note: (facts) => void (known = { ...known, ...facts }) };
}
