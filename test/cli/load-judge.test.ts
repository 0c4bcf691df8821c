// The evaluation of client records, as tables.
import { describe, expect, it } from 'vitest';
import {
  judge,
  judgeNumbers,
  judgeSpread,
  peakPerSecond,
  percentile,
} from '../../service/cli/load/judge.ts';
import { createRecord, resetRecord } from '../../service/cli/load/record.ts';
import { isClean, summarize } from '../../service/cli/load/summary.ts';

describe('numbers from 3 to 6', () => {
  it.each<[string, number[], object]>([
    ['all there', [3, 4, 5, 6], {}],
    ['with others around them', [1, 2, 3, 4, 5, 6, 7, 7], {}],
    ['none there', [], { lost: 4 }],
    ['one missing', [3, 5, 6], { lost: 1 }],
    ['the first missing', [4, 5, 6], { lost: 1 }],
    ['one twice', [3, 4, 4, 5, 6], { duplicated: 1 }],
    ['one three times, late', [3, 4, 5, 6, 3, 3], { duplicated: 2 }],
    ['two exchanged', [3, 5, 4, 6], { reordered: 1 }],
    ['backwards', [6, 5, 4, 3], { reordered: 3 }],
    ['one missing and one twice', [3, 3, 5, 6], { lost: 1, duplicated: 1 }],
  ])('%s', (_, numbers, verdict) => {
    const clean = { expected: 4, lost: 0, duplicated: 0, reordered: 0 };
    expect(judgeNumbers(numbers, { first: 3, last: 6 })).toEqual({ ...clean, ...verdict });
  });

  it('of which none was acknowledged are not expected', () => {
    expect(judgeNumbers([1], { first: 2, last: 1 })).toMatchObject({ expected: 0, lost: 0 });
  });
});

it('a percentile is a value that was measured', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect([0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([50, 99, 100]);
  expect(percentile([7], 0.5)).toBe(7);
  expect(percentile([], 0.99)).toBe(0);
});

it('the peak is taken over any one-second window', () => {
  expect(peakPerSecond([900, 950, 1_050, 1_899, 1_900])).toBe(4);
  expect(peakPerSecond([0, 1_000, 2_000])).toBe(1);
  expect(peakPerSecond([])).toBe(0);
});

const record = (client: number, changes: object = {}) =>
  Object.assign(createRecord(client, ['websocket']), changes);

it('the spread counts empty pods, and no client that is disconnected', () => {
  const records = ['a-1', 'a-1', 'a-2', 'b-1', 'a-2', 'a-1', undefined].map((pod, i) =>
    record(i, { pod }),
  );
  expect(judgeSpread(records, ['a-1', 'c-1'])).toEqual({
    pods: { 'a-1': 3, 'a-2': 2, 'b-1': 1, 'c-1': 0 },
    releases: { a: 5, b: 1 },
    min: 0,
    max: 3,
    mean: 1.5,
    offPercent: 100,
  });
  expect(judgeSpread([])).toMatchObject({ min: 0, max: 0, offPercent: 0 });
});

describe('a report', () => {
  const left = (at: number) => ({ at, reason: 'transport close' });
  const back = (reconnectMs: number, recovered = true) => ({ at: 0, reconnectMs, recovered });
  const records = [
    record(0, { pod: 'a-1', disconnects: [left(0)], returns: [back(900)], numbers: [1, 2] }),
    record(1, { pod: 'a-2', disconnects: [left(500)], returns: [back(1_500)], numbers: [1, 2] }),
    record(2, {
      disconnects: [left(800), left(4_000)],
      returns: [back(100, false)],
      connectErrors: [{ at: 1, kind: 'xhr poll error: 503' }],
      numbers: [2],
    }),
    record(3, { pod: 'a-1', numbers: [2, 1] }),
  ];
  const report = judge(records, () => ({ first: 1, last: 2 }));

  it('counts what happened', () => {
    expect(report).toMatchObject({
      clients: 4,
      notConnected: 1,
      reconnects: { 1: 2, 2: 1, 0: 1 },
      returns: 3,
      recovered: 2,
      delivery: { expected: 8, lost: 1, duplicated: 0, reordered: 1 },
      reconnectMs: { p50: 900, p99: 1_500, max: 1_500 },
      disconnects: { peakPerSecond: 3, spanMs: 4_000, reasons: { 'transport close': 4 } },
      connectErrors: { 'xhr poll error: 503': 1 },
    });
  });

  it('is one line, and not clean', () => {
    const line = summarize(report);
    expect(line).toContain('recovered 66.7 %');
    expect(line).toContain('lost/duplicated/reordered 1/0/1 of 8');
    expect(line).toContain('NOT CONNECTED 1');
    expect(line).not.toContain('\n');
    expect(isClean(report)).toBe(false);
  });
});

it('a new measurement keeps the pod of a client and the numbers that belong to it', () => {
  const measured = record(5, { pod: 'a-2', pods: ['a-1', 'a-2'], numbers: [1, 2, 4, 3] });
  measured.disconnects.push({ at: 1, reason: 'transport close' });
  resetRecord(measured, 3);
  const expected = { ...createRecord(5, ['websocket']), pod: 'a-2', pods: ['a-2'] };
  expect(measured).toEqual({ ...expected, numbers: [4, 3] });
});
