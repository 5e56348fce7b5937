import { describeNpm } from './support/npm-fidelity.ts';

// It does not run under older Nodes.
describeNpm('npm 12', { npm: '12.2.0', node: '22.23.3' });
