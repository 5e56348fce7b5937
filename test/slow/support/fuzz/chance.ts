import { dice } from '../../../pip/support.ts';

/** Decisions that are the same for one seed. */
export class Chance {
  readonly below: (limit: number) => number;

  constructor(seed: number) {
    this.below = dice(seed);
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 8; i++) this.below(2);
  }

  flip(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** Each member with a probability; at least one. */
  some<T>(list: readonly T[], percent: number): T[] {
    const chosen = list.filter(() => this.flip(percent));
    return chosen.length > 0 ? chosen : [this.pick(list)];
  }
}
