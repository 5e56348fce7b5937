import type { Member } from './format.ts';

/** A stretch of a pack that is read in one go: members in the order in which they come. */
export interface Stretch {
  readonly members: readonly Member[];
  /** How often it has been begun before. */
  readonly tries: number;
}

/** Bytes between two wanted members that are rather read and dropped than asked around. */
const GAP = 256 << 10;

/** From this many bytes on a stretch ends with its member: several are read at once, and take turns evenly. */
const STRETCH = 32 << 20;

/** Divides what is wanted of a pack into stretches. */
export function plan(members: readonly Member[]): Stretch[] {
  const stretches: Member[][] = [];
  let current: Member[] = [];
  for (const member of members) {
    const [first, last] = [current[0], current.at(-1)];
    const far = last !== undefined && member.at - end(last) > GAP;
    const long = first !== undefined && last !== undefined && end(last) - first.at >= STRETCH;
    if (current.length === 0 || far || long) stretches.push((current = []));
    current.push(member);
  }
  return stretches.map((each) => ({ members: each, tries: 0 }));
}

/** Where a member ends in its pack. */
export function end({ at, size }: Member): number {
  return at + size;
}
