// What clients see while replicas and Redis go and come back.
import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { listRunning } from '../../tools/processes.ts';
import {
  connected,
  connectionsOf,
  homes,
  type ScratchFleet,
  startScratchFleet,
} from '../harness/scratch-fleet.ts';

type Reply = { ok: boolean; error?: { code: string; retryable: boolean } };

const every = { default: ['polling', 'websocket'], websocket: ['websocket'], polling: ['polling'] };
const moveMsMax = 20_000;

let fleet: ScratchFleet;
beforeAll(async () => {
  fleet = await startScratchFleet();
});
afterEach(() => fleet?.disconnectAll());
afterAll(() => fleet?.close());

/** Connected clients of every kind, with what they saw since. */
async function clientsOf(home: 0 | 1 | 2) {
  const kinds = Object.values(every).flatMap((transports) => [transports, transports]);
  const clients = await Promise.all(
    kinds.map(async (transports) => {
      const socket = await connected(await fleet.client({ home, transports }));
      return { socket, seen: record(socket) };
    }),
  );
  await vi.waitFor(() => {
    const names = clients.map(({ socket }) => socket.io.engine.transport.name);
    expect(names.filter((name) => name === 'websocket')).toHaveLength(4);
  }, 20_000);
  return clients;
}

function record(socket: Socket) {
  const seen = { connects: 0, refusals: [] as string[] };
  socket.on('connect', () => seen.connects++);
  socket.on('connect_error', ({ message }) => seen.refusals.push(message));
  return seen;
}

/** Signals a replica to end; after the test it is there again. */
function end(replica: ScratchFleet['replicas'][0], signal: NodeJS.Signals): Promise<string> {
  const { pid, exited } = replica;
  onTestFinished(async () => {
    await exited;
    if (replica.pid === pid) await replica.start();
  });
  replica.signal(signal);
  return exited;
}

test("a killed replica's clients come back on the others, and on it once it is back", async () => {
  const [lost, ...others] = fleet.replicas;
  const clients = await clientsOf(0);
  await end(lost, 'SIGKILL');
  await vi.waitFor(() => {
    for (const { seen } of clients) expect(seen.connects).toBeGreaterThan(0);
  }, moveMsMax);
  await vi.waitFor(async () => {
    const counts = await Promise.all(others.map(connectionsOf));
    expect(counts.reduce((sum, count) => sum + count)).toBe(clients.length);
  }, moveMsMax);

  await lost.start();
  await vi.waitFor(
    async () => {
      await connected(await fleet.client({ home: 0 }));
      expect(await connectionsOf(lost)).toBeGreaterThan(0);
    },
    { timeout: 20_000, interval: 200 },
  );
  // Those who found another home keep it, also with a request for each poll and send.
  for (const { socket, seen } of clients) {
    const reply = await socket.timeout(2_000).emitWithAck('join_room', 'moved');
    expect([reply.ok, seen.connects]).toEqual([true, 1]);
  }
});

test('clients leave a draining replica without a refused connect', async () => {
  const [leaving] = fleet.replicas;
  const clients = await clientsOf(0);
  const newClients: ReturnType<typeof record>[] = [];
  let gone = false;
  const ended = end(leaving, 'SIGTERM').finally(() => {
    gone = true;
  });
  const connectOnce = async () => {
    const socket = await fleet.client({ home: 0 });
    newClients.push(record(socket));
    await connected(socket);
  };
  while (!gone) await Promise.all(Array.from({ length: 12 }, connectOnce));
  expect(await ended).toBe('code 0');
  await vi.waitFor(() => {
    for (const { socket } of clients) expect(socket.connected).toBe(true);
  }, moveMsMax);
  expect(clients.map(({ seen }) => seen)).toEqual(
    Array(clients.length).fill({ connects: 1, refusals: [] }),
  );
  expect(newClients.length).toBeGreaterThan(10);
  for (const { refusals } of newClients) expect(refusals).toEqual([]);
});

test('sends fail fast and retryable while Redis is down, and work again afterwards', async () => {
  const pids = fleet.replicas.map(({ pid }) => pid);
  const sockets = await Promise.all(
    homes.map(async (home) => connected(await fleet.client({ home }))),
  );
  for (const socket of sockets) {
    await socket.timeout(2_000).emitWithAck('join_room', 'outage');
  }
  const replies: (Reply | 'none')[] = [];
  let sent = 0;
  const load = setInterval(() => {
    const message = { roomId: 'outage', text: `message ${sent}` };
    const answer = sockets[sent++ % 3]?.timeout(2_000).emitWithAck('send_message', message);
    answer?.then((reply) => replies.push(reply)).catch(() => replies.push('none'));
  }, 10);
  const count = (from: number, fits: (reply: Reply | 'none') => boolean) =>
    replies.slice(from).filter(fits).length;
  const ok = (reply: Reply | 'none') => reply !== 'none' && reply.ok;

  await vi.waitFor(() => expect(count(0, ok)).toBeGreaterThan(50), 20_000);
  fleet.redis.signal('SIGKILL');
  await fleet.redis.exited;
  await vi.waitFor(() => expect(replies.length - count(0, ok)).toBeGreaterThan(100), 20_000);
  await fleet.redis.start();
  const back = replies.length;
  await vi.waitFor(() => expect(count(back, ok)).toBeGreaterThan(100), 20_000);
  clearInterval(load);

  const refused = replies.filter((reply) => !ok(reply));
  const unavailable = { ok: false, error: { code: 'unavailable', retryable: true } };
  for (const reply of refused) expect(reply).toMatchObject(unavailable);
  for (const socket of sockets) expect(socket.connected).toBe(true);
  const running = listRunning(fleet.stateFolder).map(({ pid }) => pid);
  expect(running).toEqual(expect.arrayContaining(pids));

  const [sender, receiver] = sockets as [Socket, Socket];
  const delivered = new Promise<void>((resolve) => {
    receiver.on('new_message', ({ text }) => text === 'after' && resolve());
  });
  sender.emit('send_message', { roomId: 'outage', text: 'after' });
  await delivered;
});
