import { describeNpm } from './support/npm-fidelity.ts';

describeNpm('the npm on PATH', { npm: undefined, node: undefined });
