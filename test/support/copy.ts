import { mustRun } from './run.ts';

/** Copies what is in a directory into another one, with times as exact as the file system has them: Node's `cpSync` rounds them to milliseconds, and so up to a second later. */
export async function copyInto(from: string, to: string): Promise<void> {
  await mustRun('cp', ['-RPp', `${from}/.`, to]);
}
