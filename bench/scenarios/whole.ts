// All of Mooring as the image runs it, with tokens, metrics, recovery and an append-only file,
// beside the server that most people copy and beside plain WebSockets.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mintToken } from '../../service/auth/tokens.ts';
import { bundle } from '../../tools/bundle.ts';
import { type Child, startChild } from '../child.ts';
import { type Redis, startRedis } from '../redis.ts';
import { type Row, type Scenario, tableOfMany } from '../report.ts';
import { type Summary, summarize } from '../statistics.ts';
import {
  apiKey,
  type Contestant,
  contestants,
  jwtSecret,
  pin,
  type Server,
  startServer,
} from '../whole/contestants.ts';

const clients = 1_000;
const requests = 2_000;
const batchMessages = 64;
const message = { rooms: ['empty'], event: 'message', data: { text: 'x'.repeat(60) } };

/** What one contestant did in one round, by the name of the row. */
type Figures = Map<string, number>;

const rows = [
  ['cold start', 'CPU ms'],
  ['before anybody came', 'resident MB'],
  ['connecting and joining, Redis included', 'CPU µs'],
  ['an idle connection', 'resident KB'],
  ['1,000 in one room, one in flight', 'CPU µs per delivery'],
  ['1,000 in one room, one in flight, median', 'ms'],
  ['1,000 in one room, 50 in flight', 'CPU µs per delivery'],
  ['100 rooms of 10, one in flight', 'CPU µs per delivery'],
  ['100 rooms of 10, one in flight, median', 'ms'],
  ['publish by HTTP, one in flight', 'CPU µs'],
  ['publish by HTTP, 32 in flight', 'CPU µs'],
  [`publish by HTTP, ${batchMessages} in a request`, 'CPU µs per message'],
] as const;
type RowName = (typeof rows)[number][0];

export const whole: Scenario = {
  name: 'whole',
  async run({ rounds, print }) {
    const folder = mkdtempSync(join(tmpdir(), 'mooring-bundle-'));
    try {
      await bundle(folder);
      const all = contestants(folder);
      const measured = new Map(all.map(({ name }) => [name, [] as Figures[]]));
      for (let round = 0; round < rounds; round += 1) {
        for (const contestant of round % 2 === 0 ? all : all.toReversed()) {
          const figures = await measure(contestant);
          measured.get(contestant.name)?.push(figures);
          print(`${contestant.name}: round ${round + 1} of ${rounds}`);
        }
      }
      const results = rows.map(([what, unit]) => rowOf(what, unit, measured));
      for (const line of tableOfMany(results)) print(line);
      return results;
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function rowOf(what: RowName, unit: string, measured: Map<string, Figures[]>): Row {
  const of = (name: string) =>
    measured.get(name)?.flatMap((figures) => figures.get(what) ?? []) ?? [];
  const stock = of('A');
  const sides: Record<string, Summary> = {};
  for (const name of measured.keys()) if (of(name).length > 0) sides[name] = summarize(of(name));
  const ours = of('Mooring');
  const ratio =
    stock.length > 0 ? summarize(ours.map((value, i) => value / (stock[i] as number))) : undefined;
  return { what, unit, sides, ours: summarize(ours), ...(ratio && { ratio }) };
}

/** The server has one core, and the generator, Redis and this process have the other. */
async function measure(contestant: Contestant): Promise<Figures> {
  pin(process.pid, 1);
  const figures: Figures = new Map();
  const set = (name: RowName, value: number) => figures.set(name, value);
  for (const rooms of [1, 100]) {
    const redis = contestant.usesRedis ? await startRedis() : undefined;
    const load = await startChild('whole/generator.ts');
    const server = await startServer(contestant, redis?.url);
    try {
      if (rooms === 1) {
        set('cold start', server.cpuMicros() / 1000);
        set('before anybody came', server.residentMegabytes());
      }
      const names = Array.from({ length: rooms }, (_, n) => `room-${n}`);
      if (rooms === 1) await measureRequests(contestant, server, load, redis, set);
      const before = server.residentMegabytes();
      const micros = await cost(server, redis, () =>
        load.call('open', opening(contestant, server, names)),
      );
      if (rooms === 1) {
        set('connecting and joining, Redis included', micros / clients);
        set('an idle connection', ((server.residentMegabytes() - before) * 1024) / clients);
        await measureFanOut('1,000 in one room, one in flight', 1, 100);
        await measureFanOut('1,000 in one room, 50 in flight', 50, 500);
      } else await measureFanOut('100 rooms of 10, one in flight', 1, 1_000);
    } finally {
      await Promise.all([load, server].map((each) => each.stop()));
      await redis?.stop();
    }

    async function measureFanOut(what: RowName, inFlight: number, messages: number) {
      await load.call('publish', { inFlight, messages: messages / 2 }); // the warm-up
      let done = { deliveries: 0, p50Ms: 0 };
      const micros = await cost(server, redis, async () => {
        done = await load.call('publish', { inFlight, messages });
      });
      set(what, micros / done.deliveries);
      if (inFlight === 1) set(`${what}, median` as RowName, done.p50Ms);
    }
  }
  return figures;
}

const opening = ({ protocol }: Contestant, { port }: Server, rooms: string[]) => ({
  protocol,
  port,
  rooms,
  count: clients,
  tokens: Array.from({ length: clients }, (_, i) =>
    mintToken(jwtSecret, { sub: `user-${i}` }, 600),
  ),
});

async function measureRequests(
  { publishPath, batchPath }: Contestant,
  server: Server,
  load: Child,
  redis: Redis | undefined,
  set: (name: RowName, value: number) => void,
): Promise<void> {
  const post = async (what: RowName, path: string, body: object, inFlight: number, each = 1) => {
    const posting = { port: server.backendPort, path, apiKey, body, inFlight };
    const count = Math.ceil(requests / each);
    await load.call('post', { ...posting, requests: Math.ceil(count / 4) }); // the warm-up
    const micros = await cost(server, redis, () =>
      load.call('post', { ...posting, requests: count }),
    );
    set(what, micros / (count * each));
  };
  if (!publishPath) return;
  await post('publish by HTTP, one in flight', publishPath, message, 1);
  await post('publish by HTTP, 32 in flight', publishPath, message, 32);
  if (!batchPath) return;
  const messages = Array.from({ length: batchMessages }, () => message);
  const what = `publish by HTTP, ${batchMessages} in a request` as const;
  await post(what, batchPath, { messages }, 1, batchMessages);
}

/** CPU time of the server and of Redis, in microseconds. */
async function cost(server: Server, redis: Redis | undefined, work: () => Promise<unknown>) {
  const now = async () => server.cpuMicros() + ((await redis?.cpuMicros()) ?? 0);
  const before = await now();
  await work();
  return (await now()) - before;
}
