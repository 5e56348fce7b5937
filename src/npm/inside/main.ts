import { becomeNpm } from './npm.ts';

// `npm-inside PLAN ARG…` (launch.cts).
becomeNpm(process.argv.slice(3));
