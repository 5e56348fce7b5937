import { becomeNpm } from './npm.ts';

// `npm-inside PLAN REAL ARG…` (launch.cts).
becomeNpm(process.argv.slice(3));
