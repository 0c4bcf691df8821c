// What an attacker without a token does: raw connections to the port for clients.
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';

const path = '/socket.io/?EIO=4&transport=';

/** A connection that records what comes back. */
export function rawConnection(url: string) {
  const { hostname, port } = new URL(url);
  const state = { answer: '', isClosed: false };
  const socket = connect(Number(port), hostname);
  onTestFinished(() => {
    socket.destroy();
  });
  socket.on('data', (data) => {
    state.answer += data.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    state.isClosed = true;
  });
  return Object.assign(state, { socket });
}

/** Opens sessions that stay without a token, and returns the statuses of the handshakes. */
export async function openPolling(url: string, count: number): Promise<number[]> {
  const open = async () => {
    const answer = await fetch(`${url}${path}polling`);
    await answer.text();
    return answer.status;
  };
  return Promise.all(Array.from({ length: count }, open));
}

/** Opens a session and returns its id. */
export async function openSession(url: string): Promise<string> {
  const answer = await fetch(`${url}${path}polling`);
  return JSON.parse((await answer.text()).slice(1)).sid;
}

export const sessionPath = (sid: string) => `${path}polling&sid=${sid}`;

const upgrade = [
  `GET ${path}websocket HTTP/1.1`,
  'Host: a',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

/** A raw WebSocket: `socket` writes whatever it is given. */
export function rawWebSocket(url: string) {
  const connection = rawConnection(url);
  connection.socket.write([...upgrade, '', ''].join('\r\n'));
  return connection;
}

/** A masked text frame, as clients send it; the mask is zero. */
export function frame(text: string, announced = Buffer.byteLength(text)): Buffer {
  const length =
    announced < 126
      ? Buffer.from([0x80 | announced])
      : announced < 65_536
        ? Buffer.from([0xfe, announced >> 8, announced & 0xff])
        : Buffer.concat([Buffer.from([0xff]), bigEndian(announced)]);
  return Buffer.concat([Buffer.from([0x81]), length, Buffer.alloc(4), Buffer.from(text)]);
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
