// What a fuzz run sends: mostly valid, and broken in one place. A seed yields the same attacks.
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import type { Random } from '../chaos/random.ts';
import { apiKey, tokenFor } from '../harness/processes.ts';

const answerMsMax = 1_000;
const close = { Connection: 'close' }; // no connection of ours is left open

interface Service {
  url: string;
  operationsUrl: string;
}

export type Attack = (service: Service, random: Random) => Promise<void>;

const strange = ['', '\0', '\u202e', '💥', '__proto__', '%00', '..', '-1', '1e999', 'null', '[]'];

function bytes(random: Random, lengthMax: number): Buffer {
  return Buffer.from(Array.from({ length: random.below(lengthMax) }, () => random.below(256)));
}

/** JSON of any shape, some of it very deep or with names that mean something to JavaScript. */
function value(random: Random, depth = 0): unknown {
  const kind = random.below(depth > 4 ? 5 : 8);
  if (kind === 0) return random.pick(strange);
  if (kind === 1) return random.between(-2, 2 ** 31);
  if (kind === 2) return random.pick([null, true, false, 1e308, -0]);
  if (kind === 3) return 'x'.repeat(random.pick([1, 100, 5_000, 140_000]));
  if (kind === 4) return random.pick(['lobby', 'alice', 'join_room']);
  const count = random.below(4);
  const items = Array.from({ length: count }, () => value(random, depth + 1));
  if (kind === 5) return items;
  const names = ['roomId', 'text', 'id', 'token', 'users', 'event', 'data', '__proto__', 'limit'];
  return Object.fromEntries(items.map((item) => [random.pick(names), item]));
}

/** Replaces, removes or repeats a part. */
function broken(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const end = at + random.below(8);
  return random.pick([
    text.slice(0, at) + bytes(random, 8).toString('latin1') + text.slice(end),
    text.slice(0, at) + text.slice(end),
    text.slice(0, end) + text.slice(at),
    text.slice(0, at) + text.slice(at).repeat(random.between(2, 50)),
  ]);
}

function token(random: Random): unknown {
  const valid = tokenFor(random.pick(['alice', 'mallory', ...strange.filter(Boolean)]));
  return random.pick([valid, valid, broken(random, valid), `${valid}.${valid}`, value(random)]);
}

const events = ['join_room', 'leave_room', 'send_message', 'typing', 'history', 'refresh_token'];

function packet(random: Random): string {
  const ack = random.pick(['', '7', '999999999999']);
  const event = random.pick([...events, ...strange]);
  return random.pick([
    `40${JSON.stringify({ token: token(random), pid: value(random), offset: value(random) })}`,
    `42${ack}${JSON.stringify([event, value(random), value(random)])}`,
    `45${random.below(3)}-${ack}${JSON.stringify([event, { _placeholder: true, num: 0 }])}`,
    `40/admin,${JSON.stringify({ token: token(random) })}`,
    `43${ack}${JSON.stringify([value(random)])}`,
    random.pick(['41', '44', '1', '2', '2probe', '3', '5', '6', 'b', '']),
  ]);
}

const settle = (socket: { once(event: 'close', listener: () => void): unknown }, end: () => void) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(end, answerMsMax);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });

function raw(url: string, data: string | Buffer): Promise<void> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname, () => socket.end(data));
  socket.on('error', () => {}).resume();
  return settle(socket, () => socket.destroy());
}

const http: Attack = (service, random) => {
  const path = random.pick(['/', '/socket.io/?EIO=4&transport=polling', '/healthz', '/v1/publish']);
  const request = `${random.pick(['GET', 'POST', 'OPTIONS'])} ${path} HTTP/1.1\r\nHost: a\r\n`;
  const headers = 'Content-Length: 4\r\nConnection: close\r\nUpgrade: websocket\r\n\r\nabcd';
  const url = random.pick([service.url, service.operationsUrl]);
  return raw(url, Buffer.from(broken(random, request + headers), 'latin1'));
};

const webSocket: Attack = ({ url }, random) => {
  const target = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const socket = new WebSocket(target);
  socket.on('error', () => {});
  socket.once('open', () => {
    const valid = random.below(2) === 0;
    if (valid) socket.send(`40${JSON.stringify({ token: tokenFor('mallory') })}`);
    for (let count = random.between(1, 20); count > 0; count -= 1) {
      const text = packet(random);
      const data = random.pick([text, text, broken(random, text), bytes(random, 200)]);
      socket.send(data);
    }
    socket.close();
  });
  return settle(socket, () => socket.terminate());
};

const polling: Attack = async ({ url }, random) => {
  const address = `${url}/socket.io/?EIO=4&transport=polling`;
  const signal = AbortSignal.timeout(answerMsMax);
  const open = await (await fetch(address, { headers: close, signal })).text();
  const sid = /"sid":"([^"]+)"/.exec(open)?.[1] ?? 'none';
  const packets = Array.from({ length: random.between(1, 10) }, () => packet(random));
  const body = random.pick([packets.join('\x1e'), broken(random, packets.join('\x1e'))]);
  await fetch(`${address}&sid=${sid}`, { method: 'POST', headers: close, body, signal });
  await fetch(`${address}&sid=${sid}`, { method: 'POST', headers: close, body: '1', signal });
};

const api: Attack = async ({ operationsUrl }, random) => {
  const name = encodeURIComponent(random.pick([...strange, 'lobby']));
  const [method = '', path] = random.pick([
    ['POST', '/v1/publish'],
    ['POST', '/v1/revoke'],
    ['POST', '/v1/disconnect'],
    ['GET', `/v1/rooms/${name}/history?before=${name}&limit=${name}`],
    ['GET', `/v1/rooms/${name}/presence`],
    ['GET', `/v1/users/${name}`],
  ]);
  const text = JSON.stringify(value(random)) ?? '';
  const body = random.pick([text, broken(random, text)]);
  const answer = await fetch(operationsUrl + path, {
    method,
    headers: { ...close, Authorization: `Bearer ${apiKey}` },
    signal: AbortSignal.timeout(10 * answerMsMax),
    ...(method === 'POST' && { body }),
  });
  if (answer.status >= 500) throw new Violation(`${method} ${path} answers ${answer.status}`);
  await answer.arrayBuffer();
};

/** What no input may cause. Anything else that an attack meets is what it deserves. */
export class Violation extends Error {}

export const attacks: Record<string, Attack> = { http, webSocket, polling, api };
