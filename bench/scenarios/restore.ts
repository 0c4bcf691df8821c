// 1,000 clients come back at once, to another pod than before, each with 100 messages to get.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from '../child.ts';
import { type Fleet, startFleet } from '../fleet.ts';
import { describeRow, type Row, type Scenario } from '../report.ts';
import { summarize } from '../statistics.ts';

const clients = 1_000;
const missedEach = 100;
const roomCount = 20;
const podCount = 2;
const targetMs = 4_000;
const memoryMsMax = 60_000;
const memoryTargetRatio = 1.1;
const settleMs = 5_000; // what connecting left behind, and the cut, is done by then
const rooms = Array.from({ length: roomCount }, (_, room) => `room-${room}`);

export const restore: Scenario = {
  name: 'restore',
  async run({ rounds, print }) {
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      measured.push(await once());
    }
    const of = (value: (round: Round) => number) => summarize(measured.map(value));
    const seconds = of(({ ms }) => ms / 1000);
    const rows: Row[] = [
      {
        what: `${clients} restored with ${missedEach} missed messages each, connecting included`,
        unit: 's',
        ours: seconds,
        targetMax: targetMs / 1000,
        details: {
          connectedSeconds: of(({ connectedMs }) => connectedMs / 1000),
          refusedAtFirst: of(({ refused }) => refused),
        },
      },
      {
        what: 'resident memory of the pods after it, within a minute, to before',
        unit: '×',
        ours: of(({ memoryRatio }) => memoryRatio),
        targetMax: memoryTargetRatio,
        details: {
          secondsUntilMet: of(({ memoryMs }) => memoryMs / 1000),
          megabytesBefore: of((round) => round.memoryBeforeMegabytes),
          megabytesAtPeak: of((round) => round.memoryPeakMegabytes),
        },
      },
    ];
    for (const row of rows) print(describeRow(row));
    return rows;
  },
};

interface Round {
  ms: number;
  connectedMs: number;
  refused: number;
  memoryBeforeMegabytes: number;
  memoryPeakMegabytes: number;
  memoryRatio: number;
  memoryMs: number;
}

async function once(): Promise<Round> {
  const load = await startChild('load.ts');
  const fleet = await startFleet('ours', podCount);
  try {
    await load.call('open', { plans: plansFor(fleet.ports), ordered: true });
    await publish(fleet, 0, 1); // so that each client knows an offset
    await load.call('arrived', clients);
    await sleep(settleMs);
    const before = await residentBytes(fleet.pods);
    await load.call('cut');
    await sleep(settleMs);
    await publish(fleet, 1, 1 + missedEach);
    const expected = clients * missedEach;
    const ports = [...fleet.ports.slice(1), fleet.ports[0]]; // each to the next pod
    const { received, outOfOrder, ...times } = await load.call<Reopened>('reopen', {
      ports,
      expected,
    });
    if (outOfOrder > 0) throw new Error(`${outOfOrder} messages were lost, doubled or moved`);
    const memory = await memoryAfter(fleet.pods, before);
    const end = await load.call<Reopened>('received');
    if (end.received !== expected) throw new Error(`${end.received} arrived, not ${expected}`);
    return { ...times, ...memory };
  } finally {
    await Promise.all([load.stop(), fleet.stop()]);
  }
}

interface Reopened {
  ms: number;
  connectedMs: number;
  refused: number;
  received: number;
  outOfOrder: number;
}

const plansFor = (ports: number[]) =>
  Array.from({ length: clients }, (_, i) => ({
    port: ports[i % ports.length] as number,
    auth: { room: rooms[Math.floor(i / ports.length) % roomCount] },
  }));

const publish = (fleet: Fleet, from: number, to: number) =>
  fleet.publisher.call('publishNumbered', { rooms, from, to });

async function residentBytes(pods: Child[]): Promise<number> {
  const each = await Promise.all(pods.map((pod) => pod.call<number>('residentBytes')));
  return each.reduce((sum, bytes) => sum + bytes, 0);
}

/** Waits until it is back to before, for a minute at most. */
async function memoryAfter(pods: Child[], before: number) {
  const startedAt = performance.now();
  const peak = await residentBytes(pods);
  let bytes = peak;
  let memoryMs = 0;
  while (bytes > before * memoryTargetRatio && memoryMs < memoryMsMax) {
    await sleep(1_000);
    memoryMs = performance.now() - startedAt;
    bytes = await residentBytes(pods);
  }
  return {
    memoryBeforeMegabytes: Math.round(before / 1e6),
    memoryPeakMegabytes: Math.round(peak / 1e6),
    memoryRatio: bytes / before,
    memoryMs,
  };
}
