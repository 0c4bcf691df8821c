// 1,000 clients reconnect at once to another pod; each has missed 100 messages.
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
const memoryTargetRatio = 1.1;
const settleMs = 3_000; // for the work after connects and disconnects to finish
const duplicatesMs = 500; // a duplicate would have arrived by then
const rooms = Array.from({ length: roomCount }, (_, room) => `room-${room}`);

export const restore: Scenario = {
  name: 'restore',
  async run({ rounds, print }) {
    const waves: Reopened[] = [];
    const memories: Memory[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await withFleet(async (fleet, load) => {
        waves.push(await wave(fleet, load, 1));
        memories.push(await secondWave(fleet, load));
      });
    }
    const rows = [timeRow(waves), ...memoryRows(memories)];
    for (const row of rows) print(describeRow(row));
    return rows;
  },
};

interface Reopened {
  ms: number;
  connectedMs: number;
  refused: number;
  received: number;
  outOfOrder: number;
}

interface Memory {
  megabytesBefore: number;
  megabytesAtPeak: number;
  residentRatio: number;
  liveRatio: number;
}

function timeRow(waves: Reopened[]): Row {
  const of = (value: (wave: Reopened) => number) => summarize(waves.map(value));
  return {
    what: `${clients} restored with ${missedEach} missed messages each, connecting included`,
    unit: 's',
    ours: of(({ ms }) => ms / 1000),
    targetMax: targetMs / 1000,
    details: {
      connectedSeconds: of(({ connectedMs }) => connectedMs / 1000),
      refusedAtFirst: of(({ refused }) => refused),
    },
  };
}

function memoryRows(memories: Memory[]): Row[] {
  const of = (value: (memory: Memory) => number) => summarize(memories.map(value));
  return [
    {
      what: 'resident memory of the pods after it, to before',
      unit: 'ratio',
      ours: of(({ residentRatio }) => residentRatio),
      targetMax: memoryTargetRatio,
      details: { rounds: memories },
    },
    {
      what: 'live memory of the pods (heap and buffers) after it, to before',
      unit: 'ratio',
      ours: of(({ liveRatio }) => liveRatio),
      targetMax: memoryTargetRatio,
    },
  ];
}

async function withFleet(work: (fleet: Fleet, load: Child) => Promise<void>): Promise<void> {
  const load = await startChild('load.ts');
  const fleet = await startFleet('ours', podCount);
  try {
    await load.call('open', { plans: plansFor(fleet.ports), ordered: true });
    await publish(fleet, 0, 1); // so that each client has an offset
    await load.call('arrived', clients);
    await work(fleet, load);
  } finally {
    await Promise.all([load.stop(), fleet.stop()]);
  }
}

/** The first wave runs on cold pods; this one shows what memory stays in use. */
async function secondWave(fleet: Fleet, load: Child): Promise<Memory> {
  await sleep(settleMs);
  const before = await memoryOf(fleet.pods);
  await wave(fleet, load, 1 + missedEach);
  const peak = await sum(fleet.pods, 'residentBytes');
  await sleep(settleMs);
  const after = await memoryOf(fleet.pods);
  return {
    megabytesBefore: Math.round(before.resident / 1e6),
    megabytesAtPeak: Math.round(peak / 1e6),
    residentRatio: after.resident / before.resident,
    liveRatio: after.live / before.live,
  };
}

/** In bytes, after a forced garbage collection. */
async function memoryOf(pods: Child[]): Promise<{ live: number; resident: number }> {
  const live = await sum(pods, 'liveHeapBytes');
  return { live, resident: await sum(pods, 'residentBytes') };
}

/** @param from the number of the first missed message */
async function wave(fleet: Fleet, load: Child, from: number): Promise<Reopened> {
  await load.call('cut');
  await sleep(settleMs);
  await publish(fleet, from, from + missedEach);
  const expected = clients * missedEach;
  const next = from === 1 ? 1 : 0; // to the other pod
  const ports = [...fleet.ports.slice(next), ...fleet.ports.slice(0, next)];
  const reopened = await load.call<Reopened>('reopen', { ports, expected });
  await sleep(duplicatesMs);
  const { received, outOfOrder } = await load.call<Reopened>('received');
  if (outOfOrder > 0) throw new Error(`${outOfOrder} messages were lost, duplicated or reordered`);
  if (received !== expected) throw new Error(`${received} messages arrived instead of ${expected}`);
  return reopened;
}

const plansFor = (ports: number[]) =>
  Array.from({ length: clients }, (_, i) => ({
    port: ports[i % ports.length] as number,
    auth: { room: rooms[Math.floor(i / ports.length) % roomCount] },
  }));

const publish = (fleet: Fleet, from: number, to: number) =>
  fleet.publisher.call('publishNumbered', { rooms, from, to });

async function sum(pods: Child[], what: 'residentBytes' | 'liveHeapBytes'): Promise<number> {
  const each = await Promise.all(pods.map((pod) => pod.call<number>(what)));
  return each.reduce((total, bytes) => total + bytes, 0);
}
