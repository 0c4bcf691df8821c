// What one operation of the whole service costs, in units that a busy machine does not change:
// commands of Redis, bytes that are allocated or stay, and write calls.
import { createClient } from '@redis/client';
import { expect, it, onTestFinished } from 'vitest';
import { type Child, startChild } from '../../bench/child.ts';
import { startRedis } from '../../bench/redis.ts';
import { until } from '../harness/processes.ts';

const clients = 500;
/** So large that nothing is collected while something is measured. */
const withoutCollection = ['--min-semi-space-size=512', '--max-semi-space-size=512'];

/** One process of Mooring with Redis, clients that are warm, and what it has cost so far. */
async function startBudget(nodeOptions: string[] = []) {
  const redis = await startRedis();
  const pod = await startChild('mooring.ts', ['mooring', redis.url], nodeOptions);
  const load = await startChild('load.ts');
  const monitor = await createClient({ url: redis.url }).connect();
  onTestFinished(async () => {
    monitor.destroy();
    await Promise.all([load.stop(), pod.stop()]);
    await redis.stop();
  });
  let commands = 0;
  await monitor.monitor((line) => {
    if (!/\[\d+ lua\]/.test(String(line)) && !/"(PING|INFO)"/i.test(String(line))) commands += 1;
  });
  const port = await pod.call<number>('port');
  const tokens = await pod.call<string[]>('tokens', 2 * clients);
  /** Connects other users each time; the first ones are the warm-up. */
  const connect = async (room: (i: number) => string) => {
    await load.call('reset');
    const plans = tokens.splice(0, clients).map((token, i) => ({
      port,
      auth: { token, room: room(i) },
    }));
    await load.call('open', { plans });
    await load.call('arrived', clients); // each gets a welcome
  };
  await connect(() => 'warm');
  return { pod, load, connect, cost: costOf(pod, () => commands) };
}

function costOf(pod: Child, commands: () => number) {
  const now = async () => ({
    commands: commands(),
    allocated: await pod.call<number>('usedHeapBytes'),
    writes: await pod.call<number>('writes'),
  });
  /** What it costs, for each of `count`. */
  return async (count: number, work: () => Promise<unknown>) => {
    const before = await now();
    await work();
    const after = await now();
    return {
      commands: (after.commands - before.commands) / count,
      allocated: (after.allocated - before.allocated) / count,
      writes: (after.writes - before.writes) / count,
    };
  };
}

it('a connection that joins a room costs few commands, writes and bytes', async () => {
  const { connect, cost } = await startBudget(withoutCollection);
  const each = await cost(clients, () => connect((i) => `room-${i % 50}`));
  expect(each.commands).toBeLessThan(4);
  expect(each.writes, 'to clients, Redis and its own threads').toBeLessThan(14);
  expect(each.allocated).toBeGreaterThan(0);
  expect(each.allocated).toBeLessThan(220_000);
});

it('an idle connection keeps little memory', async () => {
  const { pod, connect } = await startBudget();
  const before = await pod.call<number>('liveHeapBytes');
  await connect((i) => `room-${i % 50}`);
  const each = async () => ((await pod.call<number>('liveHeapBytes')) - before) / clients;
  expect(await each()).toBeGreaterThan(10_000);
  // What the connects have left to do, such as saves, takes a while on a busy machine.
  await until('it is little', async () => (await each()) < 24_000);
});

it('a message costs one command, and each delivery one write', async () => {
  const { pod, load, connect, cost } = await startBudget(withoutCollection);
  await connect(() => 'hall');
  let arrived = clients;
  const turns = 20;
  const send = async (perTurn: number) => {
    for (let turn = 0; turn < turns; turn += 1) {
      await pod.call('publish', {
        rooms: ['hall'],
        turns: 1,
        perTurn,
        everyMs: 0,
        oneRoomPerTurn: true,
      });
      arrived += perTurn * clients;
      await load.call('arrived', arrived);
    }
  };
  await send(1);
  const single = await cost(turns, () => send(1));
  expect(single.commands).toBeLessThan(2);
  expect(single.writes / clients).toBeLessThan(1.2);
  expect(single.allocated / clients).toBeLessThan(850);
  const batch = await cost(turns, () => send(8));
  expect(batch.commands, 'for eight messages of a turn').toBeLessThan(2);
  expect(batch.writes / clients, 'for eight messages of a turn').toBeLessThan(1.2);
});
