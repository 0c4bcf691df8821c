// Dynamic namespaces that close with their last socket and are created again.
import { connect } from 'socket.io-client';
import { expect, it, onTestFinished } from 'vitest';
import { threeServers } from '../../../test/harness/servers.ts';
import { connected, until } from '../../../test/harness/service.ts';

const name = '/dynamic-1';
const options = { cleanupEmptyChildNamespaces: true };

it('a namespace that is created again gets everything, and answers requests once', async () => {
  const { first, servers, nodes, clients, redis } = await threeServers({}, name, options);
  const [, node] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  let [, current] = clients;
  for (let round = 0; round < 10; round += 1) {
    current.disconnect();
    current = connect(node.address + name, { forceNew: true, transports: ['websocket'] });
    const last = current;
    onTestFinished(() => void last.disconnect());
    const seen: string[] = [];
    current.onAny((event) => seen.push(event));
    await connected(current);
    first.emit('to all');
    await until('it receives the message', () => seen.includes('to all'));
    first.to(`${current.id}`).emit('to one');
    await until('it receives its own message', () => seen.includes('to one'));
    const ids = (await first.fetchSockets()).map(({ id }) => id);
    expect(ids.sort()).toEqual([clients[0].id, current.id, clients[2].id].sort());
  }
  expect(node.io.of(name)).not.toBe(servers[1]);
  for (const client of [clients[0], current, clients[2]]) client.disconnect();
  await until(
    'no process listens',
    async () => (await redis.pubSubChannels(`*${name}*`)).length === 0,
  );
});

it('a client that connects while its namespace is being closed joins the new one', async () => {
  let admit = () => {};
  const waits = new Promise<void>((resolve) => {
    admit = resolve;
  });
  let asked = false;
  const identify = async (auth: Record<string, unknown>) => {
    asked ||= auth.slow === true;
    if (auth.slow) await waits;
    return 'user';
  };
  const { nodes, clients } = await threeServers({ identify }, name, options);
  const [node] = nodes as [(typeof nodes)[0]];
  const old = node.io.of(name);
  const late = connect(node.address + name, {
    auth: { slow: true },
    forceNew: true,
    transports: ['websocket'],
    reconnectionDelay: 50,
  });
  onTestFinished(() => void late.disconnect());
  await until('its CONNECT packet is there', () => asked);
  clients[0].disconnect();
  await until('it is closed', () => !node.io._nsps.has(name));
  admit();
  await until('it is in the new one', () => node.io._nsps.get(name)?.sockets.size === 1);
  expect(node.io.of(name)).not.toBe(old);
  let heard = false;
  late.on('event', () => {
    heard = true;
  });
  node.io.of(name).emit('event');
  await until('it hears', () => heard);
});
