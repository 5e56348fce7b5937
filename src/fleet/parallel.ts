/**
 * Does some work for each item, `width` at a time. After a failure nothing more is begun; it is thrown when nobody is at work any more.
 */
export async function inParallel<T>(items: Iterable<T>, width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  const run = async (): Promise<void> => {
    try {
      for (let next = queue.next(); next.done !== true && !failure; next = queue.next()) await work(next.value);
    } catch (error) {
      failure ??= { error };
    }
  };
  await Promise.all(Array.from({ length: width }, run));
  if (failure) throw failure.error;
}
