/** How long a store may keep us waiting. Times in milliseconds. */
export interface Limits {
  /** Reads: silence after which a first byte is no longer waited for. */
  readonly firstByteMs: number;
  /** Reads: all useless waiting together. An install loses 5 s at most, what it takes to notice included. */
  readonly budgetMs: number;
  /** Reads: what an answer fills the budget up with; a store that needs longer than this for each answer is too slow. */
  readonly answerCreditMs: number;
  /** Both: bytes per millisecond below which a transfer is not worth waiting for. 64 is 64 kB/s. */
  readonly floorBytesPerMs: number;
  /** Reads: pause before the one retry. */
  readonly retryMs: number;
  /** Reads: requests that wait for their first byte at the same time; bodies are not limited. */
  readonly requests: number;
  /** Uploads: the first answer. Nobody waits for an upload, so it gets more time than a read. */
  readonly createAnswerMs: number;
  /** Uploads: silence beyond what the bytes on their way need at the floor; a store may think long before it completes. */
  readonly createSilenceMs: number;
  /** Uploads: bytes that may be on their way without having been acknowledged. */
  readonly createWindow: number;
}

export const LIMITS: Limits = {
  firstByteMs: 2000,
  budgetMs: 3500,
  answerCreditMs: 500,
  floorBytesPerMs: 64,
  retryMs: 150,
  requests: 64,
  createAnswerMs: 10_000,
  createSilenceMs: 30_000,
  createWindow: 32 * 1024 * 1024,
};
