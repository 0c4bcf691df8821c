// What counting costs: a replica of Mooring with its metrics beside one without, in the fan-out's
// work. What is looked for is small, so each round is many short windows, in turns.
import { type Child, startChild } from '../child.ts';
import { type Fleet, startFleet } from '../fleet.ts';
import { describeRow, type Row, type Scenario } from '../report.ts';
import { summarize } from '../statistics.ts';
import { clients, perDelivery, ratioOf, type Work, works } from './fanout.ts';

const windows = 12;
const ratioMax = 1.03;

export const metrics: Scenario = {
  name: 'metrics',
  sides: ['without', 'with'],
  async run({ rounds, print }) {
    const rows: Row[] = [];
    for (const work of works) rows.push(...(await compare(work, rounds)));
    for (const row of rows) print(describeRow(row));
    return rows;
  },
};

async function compare(work: Work, rounds: number): Promise<Row[]> {
  const load = await startChild('load.ts');
  const without = await startFleet('uncounted', 1);
  const counted = await startFleet('counted', 1);
  const micros = new Map<Fleet, number[]>([without, counted].map((fleet) => [fleet, []]));
  const scrapes: number[] = [];
  try {
    for (const fleet of [without, counted]) await fill(fleet, load, work);
    for (const fleet of [without, counted]) await perDelivery(fleet, load, work); // warms up
    for (let round = 0; round < rounds; round += 1) {
      const sums = new Map<Fleet, number>();
      for (let window = 0; window < windows; window += 1) {
        for (const fleet of window % 2 === 0 ? [without, counted] : [counted, without]) {
          const each = await perDelivery(fleet, load, work);
          sums.set(fleet, (sums.get(fleet) ?? 0) + each);
        }
      }
      for (const [fleet, sum] of sums) micros.get(fleet)?.push(sum / windows);
      scrapes.push(await (counted.pods[0] as Child).call<number>('scrape'));
    }
  } finally {
    await Promise.all([load, without, counted].map((each) => each.stop()));
  }
  const [off, on] = [...micros.values()] as [number[], number[]];
  return [
    {
      what: work.what,
      unit: 'CPU µs per delivery',
      stock: summarize(off),
      ours: summarize(on),
      ratio: ratioOf(on, off),
      targetMax: ratioMax,
      details: { scrapeMicros: summarize(scrapes) },
    },
  ];
}

/** Connects everybody; each is greeted with an event of its own. */
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
