// One pod with many clients: CPU time per message and client, with one message and with several in
// flight.
import { type Child, startChild } from '../child.ts';
import { type Fleet, startFleet, total } from '../fleet.ts';
import { describeRow, type Row, type Scenario } from '../report.ts';
import { type Summary, summarize } from '../statistics.ts';

export interface Work {
  what: string;
  rooms: number;
  /** Messages that are published before all clients have received the previous ones. */
  inFlight: number;
  messages: number;
}

export const clients = 1_000;
export const works: Work[] = [
  { what: '1,000 clients in one room, one in flight', rooms: 1, inFlight: 1, messages: 100 },
  { what: '1,000 clients in one room, 16 in flight', rooms: 1, inFlight: 16, messages: 320 },
  { what: '100 rooms of 10, one in flight', rooms: 100, inFlight: 1, messages: 1_000 },
];

export const fanout: Scenario = {
  name: 'fanout',
  async run({ rounds, print }) {
    const rows: Row[] = [];
    for (const work of works) rows.push(await compare(work, rounds));
    for (const row of rows) print(describeRow(row));
    return rows;
  },
};

async function compare(work: Work, rounds: number): Promise<Row> {
  const load = await startChild('load.ts');
  const stock = await startFleet('stock', 1);
  const ours = await startFleet('ours', 1);
  const micros = { stock: [] as number[], ours: [] as number[] };
  try {
    for (const { ports } of [stock, ours]) {
      const port = ports[0] as number;
      const plan = (_: unknown, i: number) => ({ port, auth: { room: `room-${i % work.rooms}` } });
      await load.call('open', { plans: Array.from({ length: clients }, plan) });
    }
    for (let round = -1; round < rounds; round += 1) {
      for (const fleet of round % 2 === 0 ? [stock, ours] : [ours, stock]) {
        const each = await perDelivery(fleet, load, work);
        if (round >= 0) micros[fleet.kind].push(each); // the first round is the warm-up
      }
    }
  } finally {
    await Promise.all([load, stock, ours].map((each) => each.stop()));
  }
  return {
    what: work.what,
    unit: 'CPU µs per delivery',
    stock: summarize(micros.stock),
    ours: summarize(micros.ours),
    ratio: ratioOf(micros.ours, micros.stock),
  };
}

export const ratioOf = (ours: number[], stock: number[]): Summary =>
  summarize(ours.map((micros, i) => micros / (stock[i] as number)));

/** CPU time of the pod, the publisher and Redis, in microseconds. */
export async function perDelivery(fleet: Fleet, load: Child, work: Work): Promise<number> {
  const { inFlight, messages } = work;
  const rooms = Array.from({ length: work.rooms }, (_, room) => `room-${room}`);
  const each = clients / work.rooms;
  await load.call('reset');
  const before = total(await fleet.cost());
  for (let sent = 0; sent < messages; sent += inFlight) {
    const first = sent % work.rooms;
    const turn = { turns: 1, perTurn: inFlight, everyMs: 0, oneRoomPerTurn: true };
    await fleet.publisher.call('publish', { rooms: rooms.slice(first), ...turn });
    await load.call('arrived', (sent + inFlight) * each);
  }
  return (total(await fleet.cost()) - before) / (messages * each);
}
