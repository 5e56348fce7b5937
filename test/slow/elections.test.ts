import { it } from 'vitest';
import { elect } from '../fleet/elections.ts';

it('of 32 candidates in each of 1000 periods one makes the snapshot', () => elect(1000));
