import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CIRCUIT_MS, fileCircuit, memoryCircuit } from '../../src/store/circuit.ts';
import { temporaryDirectory } from './helpers.ts';

const NOW = 1_700_000_000_000;
let directory: ReturnType<typeof temporaryDirectory>;
let path: string;

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'state', 'circuit.json');
});
afterEach(() => directory.remove());

it('is closed at first, and in memory alone for memoryCircuit', () => {
  expect(fileCircuit(path).openUntil()).toBeUndefined();
  const circuit = memoryCircuit();
  circuit.open(NOW, 'why');
  expect([circuit.openUntil(), circuit.reason()]).toEqual([NOW, 'why']);
  circuit.close();
  expect(circuit.openUntil()).toBeUndefined();
});

it('is seen by other processes, and closed by them', () => {
  const clock = () => NOW;
  fileCircuit(path, clock).open(NOW + CIRCUIT_MS, 'store x: no answer');
  const other = fileCircuit(path, clock);
  expect([other.openUntil(), other.reason()]).toEqual([NOW + CIRCUIT_MS, 'store x: no answer']);
  other.close();
  expect(fileCircuit(path, clock).openUntil()).toBeUndefined();
  expect(readdirSync(join(directory.path, 'state'))).toEqual([]);
});

it('is closed for a clock that was set back', () => {
  fileCircuit(path, () => NOW).open(NOW + CIRCUIT_MS, 'why');
  expect(fileCircuit(path, () => NOW - 1).openUntil()).toBeUndefined();
});

it.each(['', 'garbage', '[]', 'null', '{}', '{"until":"soon"}', '{"until":null}', '{"until":1e400}', '\0\0'])(
  'takes %j for closed',
  (text) => {
    mkdirSync(join(directory.path, 'state'));
    writeFileSync(path, text);
    const circuit = fileCircuit(path, () => NOW);
    expect(circuit.openUntil()).toBeUndefined();
    circuit.open(NOW + 1, 'why');
    expect(circuit.openUntil()).toBe(NOW + 1);
  },
);

it('falls back to memory where the file cannot be written', () => {
  writeFileSync(join(directory.path, 'state'), 'a file in place of the directory');
  const circuit = fileCircuit(path, () => NOW);
  circuit.open(NOW + 1, 'why');
  expect(circuit.openUntil()).toBe(NOW + 1);
  circuit.close();
  expect(circuit.openUntil()).toBeUndefined();
});

it.skipIf(process.getuid?.() === 0)('falls back to memory in a read-only directory', () => {
  mkdirSync(join(directory.path, 'state'));
  chmodSync(join(directory.path, 'state'), 0o500);
  const circuit = fileCircuit(path, () => NOW);
  circuit.open(NOW + 1, 'why');
  expect(circuit.openUntil()).toBe(NOW + 1);
  expect(existsSync(path)).toBe(false);
});
