/** The code of a helper (crew.ts): reads the list, waits for its job, does what it gets of the work, and ends. */
import { parentPort, type MessagePort } from 'node:worker_threads';
import { parseFiles, type EntryFile } from '../cache/entry.ts';
import { PkgCacheError, systemCode } from '../errors.ts';
import type { Announcement, Failure, Job } from './crew.ts';
import { asUnpackError } from './failure.ts';
import { openSource } from './source.ts';
import { TreeWriter } from './tree.ts';
import { Work } from './work.ts';

function serve(port: MessagePort): void {
  port.once('message', ({ list }: Announcement) => {
    const files = parseFiles(Buffer.from(list.buffer).toString());
    port.once('message', (job: Job) => {
      try {
        help(job, files);
      } catch (error) {
        port.postMessage(asFailure(asUnpackError(error, job.tree.root)));
      }
    });
  });
}

function help({ path, tree, trusted, pieces, counters }: Job, files: readonly EntryFile[]): void {
  const reader = openSource({ path });
  try {
    new Work(pieces, counters).run(reader, TreeWriter.join(tree), files, trusted);
  } finally {
    reader.close();
  }
}

/** What is no PkgCacheError is a bug; it ends this thread, and is reported from there. */
function asFailure(error: unknown): Failure {
  if (!(error instanceof PkgCacheError)) throw error;
  return { code: error.code, message: error.message, system: systemCode(error.cause) };
}

if (parentPort) serve(parentPort);
