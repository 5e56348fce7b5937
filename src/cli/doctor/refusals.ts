import type { Refusal, Refusals } from '../../fleet/refusals.ts';
import { formatAge, formatCount } from '../terminal.ts';
import { checksOf, type Check } from './check.ts';

const { problem } = checksOf('store');

/** How many are named. */
const NAMED = 10;

/** The entries that could not be uploaded for their own sake: a problem each, and what to do. */
export function checkRefusals(refusals: Refusals): Check[] {
  const refused = [...refusals.all().values()].filter(({ tries }) => tries > 0).sort((a, b) => b.at - a.at);
  const more = refused.length - NAMED;
  return [
    ...refused.slice(0, NAMED).map((refusal) => problem(`${refusal.what} was not stored: ${refusal.why} (tried ${formatCount(refusal.tries, 'time')}, last ${formatAge(refusal.at)})`, whatToDo(refusal))),
    ...(more > 0 ? [problem(`${formatCount(more, 'more entry', 'more entries')} could not be stored`, 'pkg-cache flush names them')] : []),
  ];
}

function whatToDo({ why, what }: Refusal): string {
  if (/\b413\b|EntityTooLarge/.test(why)) return 'raise the limit for the size of a request in the proxy or the gateway in front of the store (nginx: client_max_body_size), then pkg-cache flush';
  if (/\b403\b|AccessDenied/.test(why)) return 'others may be written: look for a policy, an encryption key or a filter that keeps this one out, then pkg-cache flush';
  return `pkg-cache flush tries again; pkg-cache remove ${what} takes it out of this cache, and \`blocked\` keeps it out`;
}
