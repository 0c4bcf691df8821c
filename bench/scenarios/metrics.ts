// The cost of counting, with the workload of the fan-out: the same processes, with counting on and
// off. The difference is small, so each round alternates many short windows.
import { type Child, startChild } from '../child.ts';
import { type Fleet, startFleet } from '../fleet.ts';
import { describeRow, type Row, type Scenario } from '../report.ts';
import { summarize } from '../statistics.ts';
import { clients, perDelivery, ratioOf, type Work, works } from './fanout.ts';

const windowsDefault = 12;
const ratioMax = 1.03;

export const metrics: Scenario = {
  name: 'metrics',
  sides: ['off', 'on'],
  async run({ rounds, print }) {
    const rows: Row[] = [];
    for (const work of works) {
      const row = await compare(work, rounds);
      print(describeRow(row));
      rows.push(row);
    }
    return rows;
  },
};

async function compare(work: Work, rounds: number): Promise<Row> {
  const load = await startChild('load.ts');
  const fleet = await startFleet('mooring', 1);
  const [pod] = fleet.pods as [Child];
  const micros = { off: [] as number[], on: [] as number[] };
  const scrapes: number[] = [];
  try {
    await fill(fleet, load, work);
    await measure(fleet, load, work, 2); // warm-up
    for (let round = 0; round < rounds; round += 1) {
      const each = await measure(fleet, load, work);
      micros.off.push(each.off);
      micros.on.push(each.on);
      scrapes.push(await pod.call<number>('scrape'));
    }
  } finally {
    await Promise.all([load, fleet].map((each) => each.stop()));
  }
  return {
    what: work.what,
    unit: 'CPU µs per delivery',
    stock: summarize(micros.off),
    ours: summarize(micros.on),
    ratio: ratioOf(micros.on, micros.off),
    targetMax: ratioMax,
    details: { scrapeMicros: summarize(scrapes) },
  };
}

/** CPU time per delivery in one round, with counting off and on. */
async function measure(fleet: Fleet, load: Child, work: Work, windows = windowsDefault) {
  const sums = { off: 0, on: 0 };
  for (let window = 0; window < windows; window += 1) {
    for (const side of window % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const)) {
      const told = [fleet.publisher, ...fleet.pods].map((one) => one.call('count', side === 'on'));
      await Promise.all(told);
      sums[side] += await perDelivery(fleet, load, work);
    }
  }
  return { off: sums.off / windows, on: sums.on / windows };
}

/** Connects all clients; each receives a welcome event. */
async function fill({ pods, ports }: Fleet, load: Child, work: Work): Promise<void> {
  const tokens = await (pods[0] as Child).call<string[]>('tokens', clients);
  await load.call('reset');
  const plans = tokens.map((token, i) => ({
    port: ports[0] as number,
    auth: { token, room: `room-${i % work.rooms}` },
  }));
  await load.call('open', { plans });
  await load.call('arrived', clients);
}
