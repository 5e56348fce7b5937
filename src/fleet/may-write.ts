import type { Fleet } from './fleet.ts';

/** How long a worker whose writing was denied does not try again, in milliseconds. */
const DENIED_MS = 6 * 3_600_000;

/** Whether it is worth a try to write. */
export function mayWrite({ state, readOnly }: Pick<Fleet, 'state' | 'readOnly'>): boolean {
  if (readOnly) return false;
  const { deniedAt } = state.read();
  return deniedAt === undefined || Math.abs(Date.now() - deniedAt) > DENIED_MS;
}
