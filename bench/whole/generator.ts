// The load generator of the comparison: clients of any protocol, in a process and on a core of its
// own. It is written in TypeScript, so that it runs wherever the rest does. Only CPU time of the
// servers is compared, which does not depend on its speed.
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { answerCalls } from '../child.ts';
import { readFrames, textFrame } from '../frames.ts';
import { marker, type Protocol, type ProtocolName, protocols } from './protocols.ts';

interface Opening {
  protocol: ProtocolName;
  port: number;
  tokens: string[];
  rooms: string[];
  count: number;
}

const connectAtOnceMax = 50;
const text = 'x'.repeat(60);
let clients: { socket: Socket; room: string }[] = [];
let protocol: Protocol;
let received = 0;
let publishedAt = 0;
let latencies: number[] = [];
let waiting: { count: number; resolve(): void } | undefined;

function delivered(bytes: Buffer): void {
  for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + marker.length)) {
    received += 1;
    if (received % 8 === 0) latencies.push(performance.now() - publishedAt);
  }
  if (waiting && received >= waiting.count) waiting.resolve();
}

function upgrade(port: number): string {
  return [
    `GET ${protocol.path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n',
  ].join('\r\n');
}

/** Resolves when the client is in its room. */
function openClient(port: number, token: string, room: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    clients.push({ socket, room });
    let rest = Buffer.alloc(0);
    let state: 'upgrading' | 'greeting' | 'ready' = 'upgrading';
    const receive = (payload: Buffer) => {
      const said = payload.length < 8 || state === 'greeting' ? payload.toString() : '';
      if (protocol.ping && said === protocol.ping[0]) socket.write(textFrame(protocol.ping[1]));
      else if (state === 'ready') delivered(payload);
      else {
        const answer = protocol.greet(said, token, room);
        if (answer === 'ready') state = 'ready';
        if (answer === 'ready') resolve();
        else if (answer !== undefined) socket.write(textFrame(answer));
      }
    };
    socket.once('connect', () => socket.write(upgrade(port)));
    socket.on('data', (chunk) => {
      let bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      if (state === 'upgrading') {
        const end = bytes.indexOf('\r\n\r\n');
        if (end < 0) {
          rest = bytes;
          return;
        }
        bytes = bytes.subarray(end + 4);
        state = 'greeting';
        const hello = protocol.hello?.(token, room);
        if (hello) socket.write(textFrame(hello));
      }
      const read = readFrames(bytes, bytes.length, (opcode, from, to) => {
        if (opcode === 1) receive(bytes.subarray(from, to));
      });
      rest = bytes.subarray(read);
    });
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}

async function open({ protocol: name, port, tokens, rooms, count }: Opening): Promise<void> {
  protocol = protocols[name];
  for (let at = 0; at < count; at += connectAtOnceMax) {
    const batch = Array.from({ length: Math.min(connectAtOnceMax, count - at) }, (_, i) => {
      const n = at + i;
      return openClient(port, tokens[n] as string, rooms[n % rooms.length] as string);
    });
    await Promise.all(batch);
  }
}

/** Publishes `inFlight` messages, waits for all of their deliveries, and repeats. */
async function publish({ inFlight, messages }: { inFlight: number; messages: number }) {
  const rooms = [...new Set(clients.map(({ room }) => room))];
  const senders = rooms.map((room) => clients.find((client) => client.room === room));
  const members = clients.length / rooms.length;
  received = 0;
  latencies = [];
  for (let sent = 0; sent < messages; sent += inFlight) {
    publishedAt = performance.now();
    for (let i = 0; i < inFlight; i += 1) {
      const sender = senders[(sent + i) % rooms.length];
      const message = { room: sender?.room ?? '', text: `${marker}${text}` };
      sender?.socket.write(textFrame(protocol.publish(message)));
    }
    await arrived((sent + inFlight) * members);
  }
  const sorted = latencies.toSorted((a, b) => a - b);
  return { deliveries: received, p50Ms: sorted[Math.floor(sorted.length / 2)] ?? 0 };
}

function arrived(count: number): Promise<void> {
  if (received >= count) return Promise.resolve();
  return new Promise((resolve) => {
    waiting = { count, resolve };
  });
}

interface Posting {
  port: number;
  path: string;
  apiKey: string;
  body: object;
  inFlight: number;
  requests: number;
}

/** Sends the same request again and again, over connections that stay. */
async function post({ port, path, apiKey, body, inFlight, requests }: Posting): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const content = JSON.stringify(body);
  const headers = {
    Authorization: `Bearer ${apiKey}`,
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(content),
  };
  const once = () =>
    new Promise<void>((resolve, reject) => {
      const options = { agent, port, host: '127.0.0.1', path, method: 'POST', headers };
      const sent = request(options, (response) => {
        if (response.statusCode !== 202) reject(new Error(`answered ${response.statusCode}`));
        response.resume().once('end', resolve);
      });
      sent.once('error', reject).end(content);
    });
  let left = requests;
  const work = async () => {
    for (; left > 0; left -= 1) await once();
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  agent.destroy();
}

answerCalls({
  open,
  publish,
  post,
  close() {
    for (const { socket } of clients) socket.removeAllListeners('close').destroy();
    clients = [];
  },
});
