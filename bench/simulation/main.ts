import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker, parentPort, workerData } from 'node:worker_threads';
import { Simulation, type Hour, type Mechanisms, type Scale } from './fleet.ts';
import { plot } from './plot.ts';

const VARIANTS: readonly (readonly [string, Mechanisms])[] = [
  ['store hits only', { sync: false, snapshot: false }],
  ['with sync', { sync: true, snapshot: false }],
  ['with sync and snapshots', { sync: true, snapshot: true }],
];

/** S3 Standard, us-east-1, list prices in dollars: per thousand GETs, and PUTs and LISTs. */
const GET_PRICE = 0.0004;
const PUT_PRICE = 0.005;

const USAGE = `usage: npm run simulate -- [--workers N] [--hours N] [--lockfiles N] [--packages N] [--write]

--write   put the plot into docs/fleet-simulation.svg
`;

/** Simulates the same fleet with each mechanism on and off, and prints a markdown table; returns the exit code. */
export async function main(args: readonly string[], { root }: { root: string }): Promise<number> {
  const number = (value: string): { type: 'string'; default: string } => ({ type: 'string', default: value });
  const { values } = parseArgs({ args: [...args], options: { workers: number('200'), hours: number('72'), lockfiles: number('2000'), packages: number('300'), write: { type: 'boolean', default: false } } });
  const [workers, hours, lockfiles, packages] = [values.workers, values.hours, values.lockfiles, values.packages].map(Number) as [number, number, number, number];
  if ([workers, hours, lockfiles, packages].some((value) => !Number.isSafeInteger(value) || value < 1)) {
    process.stderr.write(USAGE);
    return 2;
  }
  const scale: Scale = { workers, hours, lockfiles, packages, perLockfile: 15, jobsPerHour: 1, lifeHours: 8 };
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'pkg-cache-simulation-'));
  try {
    const began = performance.now();
    const results = await Promise.all(VARIANTS.map(async ([name, mechanisms]): Promise<[string, Hour[]]> => [name, await elsewhere({ scale, mechanisms, directory })]));
    process.stderr.write(`${((performance.now() - began) / 1000).toFixed(0)} s\n`);
    process.stdout.write(table(results, scale));
    if (values.write) writeFileSync(join(root, 'docs/fleet-simulation.svg'), plot(results));
    return 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Task {
  readonly scale: Scale;
  readonly mechanisms: Mechanisms;
  readonly directory: string;
}

/** Simulates on a thread of its own, with a clock of its own. */
async function elsewhere(task: Task): Promise<Hour[]> {
  const worker = new Worker(new URL(import.meta.url), { workerData: task });
  const [hours] = (await once(worker, 'message')) as [Hour[]];
  return hours;
}

if (parentPort) {
  const { scale, mechanisms, directory } = workerData as Task;
  parentPort.postMessage(await new Simulation(scale, mechanisms, directory).run());
}

function table(results: readonly (readonly [string, readonly Hour[]])[], { workers, hours }: Scale): string {
  const rows = results.map(([name, each]) => {
    const sum = (what: keyof Hour): number => each.reduce((total, hour) => total + hour[what], 0);
    const asked = sum('local') + sum('store') + sum('miss');
    const percent = (what: keyof Hour): string => `${((100 * sum(what)) / asked).toFixed(1)} %`;
    const perHour = (count: number): string => (count / workers / hours).toFixed(1);
    const cost = (GET_PRICE * sum('gets') + PUT_PRICE * (sum('puts') + sum('lists'))) / 1000;
    const month = (cost / hours) * 24 * 30;
    return `| ${name} | ${percent('local')} | ${percent('store')} | ${percent('miss')} | ${perHour(sum('gets'))} | ${perHour(sum('puts'))} | ${perHour(sum('lists'))} | $${month.toFixed(2)} |`;
  });
  const head = '| | local hits | store hits | misses | GET | PUT | LIST | requests of the fleet, a month |';
  return [head, '|---|---|---|---|---|---|---|---|', ...rows, ''].join('\n');
}
