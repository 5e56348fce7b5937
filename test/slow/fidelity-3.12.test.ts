import { describeFidelity } from './support/fidelity.ts';

describeFidelity('3.12');
