import { readlinkSync } from 'node:fs';
import { listDir } from '../../cache/sweep.ts';

/**
 * Whether the working directory of some process is in a directory: that of what an install script has started in the background, and left
 * there, usually is. Only known where there is a /proc, and of processes that we may look at.
 */
export function isInUse(directory: string): boolean {
  return listDir('/proc').some((name) => /^\d+$/.test(name) && `${workingDirectory(name)}/`.startsWith(`${directory}/`));
}

function workingDirectory(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ''; // It has ended, or is somebody else's.
  }
}
