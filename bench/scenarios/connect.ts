// The cost of a connection on one pod: CPU time to open it, and memory while it is idle.
import { type Child, startChild } from '../child.ts';
import { type Kind, startFleet, total } from '../fleet.ts';
import { describeRow, type Row, type Scenario } from '../report.ts';
import { summarize } from '../statistics.ts';

const warmUpClients = 500;
const clients = 3_000;
const roomCount = 100;

interface Round {
  micros: number;
  kilobytes: number;
}

export const connect: Scenario = {
  name: 'connect',
  async run({ rounds, print }) {
    const measured = { stock: [] as Round[], ours: [] as Round[] };
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of ['stock', 'ours'] as const) measured[kind].push(await once(kind));
    }
    const row = (what: string, unit: string, of: (round: Round) => number): Row => {
      const [stock, ours] = [measured.stock.map(of), measured.ours.map(of)];
      const ratio = summarize(ours.map((value, i) => value / (stock[i] as number)));
      return { what, unit, stock: summarize(stock), ours: summarize(ours), ratio };
    };
    const rows = [
      row('connecting and joining a room, Redis included', 'CPU µs', ({ micros }) => micros),
      row('an idle connection, live memory of the pod', 'KB', ({ kilobytes }) => kilobytes),
    ];
    for (const each of rows) print(describeRow(each));
    return rows;
  },
};

async function once(kind: Kind): Promise<Round> {
  const load = await startChild('load.ts');
  const fleet = await startFleet(kind, 1);
  const [pod] = fleet.pods as [Child];
  const open = (count: number) => {
    const port = fleet.ports[0] as number;
    const plan = (_: unknown, i: number) => ({ port, auth: { room: `room-${i % roomCount}` } });
    return load.call('open', { plans: Array.from({ length: count }, plan) });
  };
  try {
    await open(warmUpClients);
    const memory = await pod.call<number>('liveHeapBytes');
    const before = total(await fleet.cost());
    await open(clients);
    const micros = (total(await fleet.cost()) - before) / clients;
    const more = (await pod.call<number>('liveHeapBytes')) - memory;
    return { micros, kilobytes: more / clients / 1000 };
  } finally {
    await Promise.all([load, fleet].map((each) => each.stop()));
  }
}
