/** What is to be in the cache. */
export interface Wish {
  /** As the tool takes them. */
  readonly words: readonly string[];
  readonly files: readonly string[];
  /** The interpreter, or the virtual environment, that it is for; undefined: that of pip. */
  readonly python: string | undefined;
  /** More arguments for the tool. */
  readonly more: readonly string[];
}

/** A package that was installed, and the entry that the cache has of it. */
export interface Installed {
  readonly what: string;
  readonly entry: string | undefined;
}
