// The adapter with other programs: backends that use @socket.io/redis-emitter, and clients that
// speak the protocol directly.
import { Emitter } from '@socket.io/redis-emitter';
import { describe, expect, it } from 'vitest';
import { threeServers } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';

describe('the emitter of @socket.io', () => {
  it('reaches rooms and namespaces once, and does not break recovery', async () => {
    const { redis, first, sockets, clients } = await threeServers();
    const emitter = new Emitter({ publish: redis.publish.bind(redis) });
    await sockets[0].join('room');
    await sockets[1].join('room');
    const heard = clients.map(() => [] as unknown[]);
    clients.forEach((client, i) => {
      client.on('event', (text: string) => heard[i]?.push(text));
    });
    emitter.to('room').emit('event', 'to a room');
    await until('both have it', () => heard[0]?.length === 1 && heard[1]?.length === 1);
    emitter.emit('event', 'to all');
    emitter.socketsJoin('late');
    await until('all are in', () => sockets.every(({ rooms }) => rooms.has('late')));
    await until('all have it', () => heard.every((events) => events.includes('to all')));
    const back = next(clients[1], 'connect');
    clients[1].io.engine.close(); // its last event ended in a string that is not an offset
    first.to('late').emit('event', 'missed');
    await back;
    expect(clients[1].recovered).toBe(true);
    await until('it arrives', () => heard[1]?.at(-1) === 'missed');
    expect(heard[1]).toEqual(['to a room', 'to all', 'missed']);
    expect(heard[2]).toEqual(['to all', 'missed']);
  });
});

/** A minimal Engine.IO client over polling. */
function rawClient(address: string) {
  let sid = '';
  const url = () => `${address}/socket.io/?EIO=4&transport=polling&sid=${sid}`;
  const poll = async () => (await fetch(url())).text();
  const push = async (packet: string) => {
    expect(await (await fetch(url(), { method: 'POST', body: packet })).text()).toBe('ok');
  };
  return {
    poll,
    push,
    /** Resolves to the answer to CONNECT and the packets that follow it. */
    async connect(auth: object): Promise<{ answer: { sid: string; pid: string }; more: string[] }> {
      const open = await fetch(`${address}/socket.io/?EIO=4&transport=polling`);
      sid = JSON.parse((await open.text()).slice(1)).sid;
      await push(`40${JSON.stringify(auth)}`);
      const [answer = '', ...more] = (await poll()).split('\x1e');
      return { answer: JSON.parse(answer.slice(2)), more };
    },
  };
}

describe('a client that speaks the protocol', () => {
  it('gets its id, its rooms and the missed packets, on another server', async () => {
    const { servers, first, nodes } = await threeServers();
    const [one, two] = nodes.map(({ address }) => rawClient(address));
    if (!one || !two) throw new Error('there are three');
    const arrived = new Promise<string>((resolve) => {
      first.once('connection', (socket) => {
        void Promise.resolve(socket.join('room')).then(() => resolve(socket.id));
      });
    });
    const { answer } = await one.connect({});
    expect(await arrived).toBe(answer.sid);
    servers[2]?.to('room').emit('hello');
    const [, offset] = JSON.parse((await one.poll()).slice(2));
    await one.push('1'); // Engine.IO's close
    servers[2]?.to('room').emit('missed');
    servers[2]?.to('other').emit('not for it');

    const back = await two.connect({ pid: answer.pid, offset });
    expect(back.answer).toEqual(answer);
    const packets = back.more.length > 0 ? back.more : (await two.poll()).split('\x1e');
    expect(packets.map((packet) => JSON.parse(packet.slice(2))[0])).toEqual(['missed']);
    const unknown = await two.connect({ pid: 'unknown', offset });
    expect(unknown.answer.sid).not.toBe(answer.sid);
    expect(unknown.answer.pid).not.toBe('unknown');
  });
});
