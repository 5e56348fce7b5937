import { describeNpm } from './support/npm-fidelity.ts';

describeNpm('npm 10', { npm: '10.9.9', node: undefined });
