// A run of `make scale` that fits into CI: every fault, some hundred clients.
import { expect, it } from 'vitest';
import { Problem } from '../../tools/problem.ts';
import { faultNames } from './faults.ts';
import { readOptions, requireFiles } from './options.ts';
import { row, violationsOf } from './report.ts';
import { runScale } from './run.ts';

it('clients get everything once through every fault, and keep their connections', async () => {
  const size = { CLIENTS: '200', WITNESSES: '6', PODS: '3', RATE: '40', SECONDS: '1' };
  const phases = await runScale({ ...readOptions(size), print() {} });
  const lines = phases.map(row).join('\n');
  expect(phases.map(({ fault }) => fault)).toEqual(faultNames);
  for (const { raw, witnesses } of phases) {
    expect(raw.expected, lines).toBeGreaterThan(100);
    expect(witnesses.expected, lines).toBeGreaterThan(0);
  }
  expect(phases.at(-1)?.disconnects).toBe(200);
  const isTime = (text: string) => / live after \d+ ms$/.test(text); // says more of the machine
  expect(
    phases.flatMap(violationsOf).filter((text) => !isTime(text)),
    lines,
  ).toEqual([]);
});

it('a size that the system does not allow is refused with the command that allows it', () => {
  expect(() => requireFiles({ clients: 10_000_000 })).toThrow(/ulimit -Hn 10000500/);
  expect(() => readOptions({ CLIENTS: 'many' })).toThrow(Problem);
  expect(() => readOptions({ FAULTS: 'sunspots' })).toThrow(/not sunspots/);
});
