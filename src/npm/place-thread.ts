import { parentPort } from 'node:worker_threads';
import { helpToPlace } from './placing.ts';

// All that a thread does that was started to help (launch.cts).
if (parentPort) helpToPlace(parentPort);
