// CPU time per publish: Redis, the publisher and the delivering pods together.
import { type Child, startChild } from '../child.ts';
import { type Cost, type Fleet, mapCost, startFleet, total } from '../fleet.ts';
import type { ClientPlan } from '../load.ts';
import type { Publishing } from '../publishing.ts';
import { describeRow, type Row, type Scenario } from '../report.ts';
import { summarize } from '../statistics.ts';

interface Workload {
  name: string;
  perTurn: number;
  oneRoomPerTurn: boolean;
  targetMax: (pods: number) => number;
}

const clients = 200;
const roomCount = 20;
const turnMs = 1;
const turns = 1_000; // per window
const idleShare = 0.5; // share of a window without publishes
const warmUpTurns = 5_000; // per workload
const rooms = Array.from({ length: roomCount }, (_, room) => `room-${room}`);
const workloads: Workload[] = [
  {
    name: 'one publish per turn',
    perTurn: 1,
    oneRoomPerTurn: false,
    targetMax: (pods) => (pods === 1 ? 1.15 : 1),
  },
  { name: '8 per turn, one room', perTurn: 8, oneRoomPerTurn: true, targetMax: () => 0.6 },
  { name: '8 per turn, 8 rooms', perTurn: 8, oneRoomPerTurn: false, targetMax: () => 0.6 },
];

export const cost: Scenario = {
  name: 'cost',
  async run({ rounds, print }) {
    const rows: Row[] = [];
    for (const [pods, podsPerRoom] of [
      [1, 1],
      [3, 2],
      [8, 2],
      [8, 8],
    ] as const) {
      rows.push(...(await compare(pods, podsPerRoom, rounds, print)));
    }
    return rows;
  },
};

/** Both fleets run all the time and are measured alternately. */
async function compare(
  pods: number,
  podsPerRoom: number,
  rounds: number,
  print: (line: string) => void,
) {
  const load = await startChild('load.ts');
  const stock = await startFleet('stock', pods);
  const ours = await startFleet('ours', pods);
  try {
    for (const { ports } of [stock, ours]) await load.call('open', placed(ports, podsPerRoom));
    for (const fleet of [stock, ours]) await warmUp(fleet, load);
    const measured = workloads.map((workload) => ({
      workload,
      stock: [] as Window[],
      ours: [] as Window[],
    }));
    for (let round = 0; round < rounds; round += 1) {
      for (const of of measured) {
        const order = round % 2 === 0 ? ([stock, ours] as const) : ([ours, stock] as const);
        for (const fleet of order) {
          of[fleet.kind].push(await measure(fleet, load, of.workload));
        }
      }
    }
    const where = pods === podsPerRoom ? '' : `, each room on ${podsPerRoom}`;
    const name = `${pods} ${pods === 1 ? 'pod' : 'pods'}${where}`;
    const rows = measured.map((each) => toRow(name, pods, each));
    for (const row of rows) print(describeRow(row));
    return rows;
  } finally {
    await Promise.all([load, stock, ours].map((each) => each.stop()));
  }
}

/** Long enough for V8 to optimize the measured code, as in a pod that runs for days. */
async function warmUp(fleet: Fleet, load: Child): Promise<void> {
  for (const workload of workloads)
    await publish(fleet, load, { ...publishingOf(workload), turns: warmUpTurns });
}

/** Resolves when every message has arrived. */
async function publish(fleet: Fleet, load: Child, publishing: Publishing): Promise<void> {
  await load.call('reset');
  await fleet.publisher.call('publish', publishing);
  await load.call('arrived', deliveriesOf(publishing));
}

const publishingOf = ({ perTurn, oneRoomPerTurn }: Workload): Publishing => {
  return { rooms, turns, perTurn, everyMs: turnMs, oneRoomPerTurn };
};

const deliveriesOf = ({ turns, perTurn }: Publishing) => (turns * perTurn * clients) / roomCount;

/** Spreads the members of a room evenly over its pods. */
function placed(ports: number[], podsPerRoom: number): { plans: ClientPlan[] } {
  const plans = Array.from({ length: clients }, (_, i) => {
    const room = i % roomCount;
    const pod = room + (Math.floor(i / roomCount) % podsPerRoom);
    return { port: ports[pod % ports.length] as number, auth: { room: rooms[room] } };
  });
  return { plans };
}

interface Window {
  /** Microseconds per publish. */
  cost: Cost;
  generatorCores: number;
}

/** The cost of publishing and delivering, minus the cost of as many idle turns. */
async function measure(fleet: Fleet, load: Child, workload: Workload): Promise<Window> {
  const publishing = publishingOf(workload);
  const silent = { ...publishing, turns: turns * idleShare, silent: true };
  const idle = await spent(fleet, () => fleet.publisher.call('publish', silent));
  const generatorBefore = await load.cpuMicros();
  const busy = await spent(fleet, () => publish(fleet, load, publishing));
  const generator = (await load.cpuMicros()) - generatorBefore;
  const { received } = await load.call<{ received: number }>('received');
  if (received !== deliveriesOf(publishing)) throw new Error('delivered more than once');
  return {
    cost: mapCost((part) => {
      const idleMicros = (idle.cost[part] / idle.ms) * busy.ms;
      return (busy.cost[part] - idleMicros) / (turns * workload.perTurn);
    }),
    generatorCores: generator / 1000 / busy.ms,
  };
}

async function spent(fleet: Fleet, work: () => Promise<unknown>) {
  const before = await fleet.cost();
  const startedAt = performance.now();
  await work();
  const ms = performance.now() - startedAt;
  const after = await fleet.cost();
  return { ms, cost: mapCost((part) => after[part] - before[part]) };
}

function toRow(
  name: string,
  pods: number,
  { workload, stock, ours }: { workload: Workload; stock: Window[]; ours: Window[] },
): Row {
  const totals = (windows: Window[]) => windows.map(({ cost }) => total(cost));
  const ratios = totals(ours).map((micros, i) => micros / (totals(stock)[i] as number));
  const split = (windows: Window[]) =>
    mapCost((part) => Math.round(summarize(windows.map(({ cost }) => cost[part])).median));
  const generators = [...stock, ...ours].map(({ generatorCores }) => generatorCores);
  return {
    what: `${name}, ${workload.name}`,
    unit: 'CPU µs per publish',
    stock: summarize(totals(stock)),
    ours: summarize(totals(ours)),
    ratio: summarize(ratios),
    targetMax: workload.targetMax(pods),
    details: {
      stock: split(stock),
      ours: split(ours),
      generatorCoresMax: Number(Math.max(...generators).toFixed(2)),
    },
  };
}
