/** What `explain` says about one requirement. `installed`: there is nothing to do. `left`: only the real tool can say. */
export interface Explained {
  readonly requirement: string;
  readonly outcome: 'local' | 'store' | 'miss' | 'installed' | 'left';
  readonly why: string;
}

/** What an install would do, told by the code that would do it. */
export interface Explanation {
  /** `served`: all from the cache. `mixed`: the real tool does it, and gets what is cached from the cache. `tool`: the real tool does it all. */
  readonly decision: 'served' | 'mixed' | 'tool';
  readonly why: string;
  readonly requirements: readonly Explained[];
}
