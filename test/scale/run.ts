// One run: connects everybody, injects one fault after the other under load, and judges after each
// what every client received.
import { setTimeout as sleep } from 'node:timers/promises';
import { judgeNumbers, percentile } from '../../service/cli/load/judge.ts';
import { type Load, startLoad } from '../../service/cli/load/load.ts';
import { type Fleet, startFleet } from '../chaos/fleet.ts';
import { apiKey, tokenFor, until } from '../harness/processes.ts';
import { openBalancer } from './balancer.ts';
import { type Meter, startMeter } from './costs.ts';
import { type Crowd, createCrowd, shareRooms } from './crowd.ts';
import { faults } from './faults.ts';
import { requireFiles, type ScaleOptions } from './options.ts';
import type { Phase } from './phase.ts';
import { type Publishing, startPublishing } from './publishing.ts';
import { row, tableHead } from './report.ts';

const graceMsMax = 60_000;
const backMsMax = 120_000;
const witnessRooms = 5;
const presenceSample = 20; // rooms
const noticeMs = 300; // until a process has noticed that its connection is gone

interface World {
  fleet: Fleet;
  crowd: Crowd;
  load: Load;
  publishing: Publishing;
  meter: Meter;
  options: ScaleOptions;
}

export async function runScale(options: ScaleOptions): Promise<Phase[]> {
  requireFiles(options);
  const { clients, roomsPerClient, membersPerRoom, print } = options;
  const fleet = await startFleet(() => () => {}, environment(options), { size: options.pods });
  const ports = fleet.pods.map(({ port }) => port);
  const balancer = await openBalancer(ports);
  const rooms = shareRooms(clients, roomsPerClient, membersPerRoom);
  const meter = startMeter(
    fleet.pods.map(({ operationsUrl }) => operationsUrl),
    fleet.redis.url,
  );
  let turn = 0;
  const crowd = createCrowd(rooms, (attempt) => {
    if (attempt === 0 || ports.length === 1) return ports[0] as number;
    turn += 1;
    return ports[1 + (turn % (ports.length - 1))] as number;
  });
  let load: Load | undefined;
  let publishing: Publishing | undefined;
  try {
    const startedAt = performance.now();
    await crowd.start();
    const all = [...new Set(rooms.flat())];
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    print(`${clients} clients in ${all.length} shared rooms after ${seconds} s`);
    load = await startLoad({
      url: balancer.url,
      clients: options.witnesses,
      rooms: witnessRooms,
      rate: 1,
      transports: [['polling', 'websocket'], ['websocket']],
      tokenFor: (user) => tokenFor(user, 86_400),
    });
    // Not through the first pod: it is killed, and what it was sent is then sent again.
    const targets = fleet.pods.slice(ports.length > 1 ? 1 : 0).map((pod) => pod.operationsUrl);
    publishing = startPublishing(all, options.rate, () => targets);
    const world = { fleet, crowd, load, publishing, meter, options };
    meter.take(); // the costs of connecting are not those of the first phase
    const phases: Phase[] = [];
    print(tableHead);
    for (const name of options.faults) {
      const one = await phase(world, name);
      phases.push(one);
      print(row(one));
    }
    return phases;
  } finally {
    publishing?.stop();
    await load?.stop();
    crowd.close();
    balancer.close();
    await meter.stop();
    await fleet.settled();
    fleet.stop();
  }
}

const environment = ({ clients, witnesses, roomsPerClient }: ScaleOptions) => ({
  APPLICATION: '', // the built-in one
  REBALANCE: 'off', // all clients are on one pod
  CONNECTIONS_MAX: String(clients + witnesses + 1_000),
  ROOMS_PER_SOCKET_MAX: String(roomsPerClient + 1),
  HANDSHAKES_PER_SECOND_MAX: '100000',
});

async function phase(world: World, name: string): Promise<Phase> {
  const { fleet, crowd, load, publishing, meter, options } = world;
  const fault = faults.find((one) => one.name === name) as (typeof faults)[0];
  await publishing.pause();
  await delivered(world);
  crowd.mark();
  publishing.mark();
  load.mark();
  meter.take();
  publishing.resume();
  await sleep(options.seconds * 1_000);
  const isLive = () => everyPodIsLive(fleet);
  await fault.inject(fleet, isLive);
  const from = performance.now();
  const cpuFrom = await meter.podSeconds();
  if (name !== 'none') await sleep(noticeMs);
  const isBack = async () => crowd.members.every((one) => one.isConnected && one.disconnects > 0);
  const problems: string[] = [];
  await until('well', fault.disconnects ? isBack : isLive, backMsMax).catch(() => {
    const gone = crowd.members.filter((one) => !one.isConnected).length;
    problems.push(`after ${backMsMax / 1_000} s ${gone} clients are not connected`);
  });
  const liveMs = Math.round(performance.now() - from);
  const liveCpuSeconds = increaseOf(cpuFrom, await meter.podSeconds());
  await sleep(options.seconds * 1_000);
  await publishing.pause();
  await delivered(world);
  const costs = meter.take();
  const { delivery, notConnected } = await load.report();
  problems.push(...(await problemsOf(world)));
  if (notConnected > 0) problems.push(`${notConnected} witnesses are not connected`);
  await fleet.settled();
  const { liveMsMax } = fault;
  const result = judge(world, { fault: name, liveMs, liveMsMax, liveCpuSeconds });
  if (!fault.disconnects && result.disconnects > 0) {
    problems.push(`${result.disconnects} clients were disconnected`);
  }
  if (liveMs > liveMsMax) problems.push(`live after ${liveMs} ms`);
  return { ...result, witnesses: delivery, costs, problems };
}

/** Counters begin again when their pod restarts. */
const increaseOf = (before: number[], after: number[]) =>
  after.reduce((sum, value, i) => {
    const was = before[i] ?? 0;
    return sum + (value >= was ? value - was : value);
  }, 0);

/** Waits until the clients have everything, or for the time of grace. */
async function delivered({ crowd, publishing }: World): Promise<void> {
  const has = ({ numbers }: Crowd['members'][0]) =>
    [...numbers].every(([room, seen]) => {
      const { first, last } = publishing.rangeOf(room);
      return seen.length >= last - first + 1;
    });
  await until('everything has arrived', () => crowd.members.every(has), graceMsMax).catch(() => {});
}

async function everyPodIsLive({ pods }: Fleet): Promise<boolean> {
  const states = pods.map(async ({ operationsUrl }) => {
    const response = await fetch(`${operationsUrl}/readyz`);
    return ((await response.json()) as { live: boolean }).live;
  });
  return (await Promise.all(states).catch(() => [false])).every(Boolean);
}

function judge(
  { crowd, publishing }: World,
  about: Pick<Phase, 'fault' | 'liveMs' | 'liveMsMax' | 'liveCpuSeconds'>,
) {
  const raw = { expected: 0, lost: 0, duplicated: 0, reordered: 0, foreign: 0 };
  for (const { numbers, foreign } of crowd.members) {
    raw.foreign += foreign;
    for (const [room, seen] of numbers) {
      const one = judgeNumbers(seen, publishing.rangeOf(room));
      for (const key of ['expected', 'lost', 'duplicated', 'reordered'] as const) {
        raw[key] += one[key];
      }
    }
  }
  const returns = crowd.members.flatMap((member) => member.returns);
  const times = returns.map(({ ms }) => Math.round(ms));
  return {
    ...about,
    raw,
    disconnects: crowd.members.reduce((sum, member) => sum + member.disconnects, 0),
    unrecovered: returns.filter(({ recovered }) => !recovered).length,
    reconnectMs: {
      p50: percentile(times, 0.5),
      p99: percentile(times, 0.99),
      max: percentile(times, 1),
    },
  };
}

/** What the API says of presence and history, where it differs from what is known. */
async function problemsOf({ fleet, crowd, load }: World): Promise<string[]> {
  const ask = async <T>(path: string): Promise<T> => {
    const url = fleet.pods.at(-1)?.operationsUrl;
    const headers = { Authorization: `Bearer ${apiKey}` };
    return (await (await fetch(`${url}/v1/rooms/${path}`, { headers })).json()) as T;
  };
  const problems: string[] = [];
  const rooms = [...new Set(crowd.members.flatMap((member) => member.rooms))];
  for (const room of rooms.slice(0, presenceSample)) {
    const { members } = await ask<{ members: string[] }>(`${room}/presence`);
    const expected = crowd.members.flatMap(({ user, rooms }) => (rooms.includes(room) ? user : []));
    if (members.toSorted().join() !== expected.toSorted().join()) {
      problems.push(`presence of ${room}: ${members.length} instead of ${expected.length}`);
    }
  }
  for (const room of load.rooms) {
    const { messages } = await ask<{ messages: { text: string }[] }>(`${room}/history`);
    const numbers = messages.map(({ text }) => Number(text));
    const gap = numbers.findIndex((n, at) => at > 0 && n !== (numbers[at - 1] as number) + 1);
    if (numbers.length === 0 || gap > 0)
      problems.push(`history of ${room}: ${numbers.length}, gap at ${gap}`);
  }
  return problems;
}
