/**
 * Settles as `work` does, or rejects with the signal's reason when that aborts first. Not everything that a store does
 * can be cancelled (a file system that hangs, a credential helper), but nobody has to wait for it.
 */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
