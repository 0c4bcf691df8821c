// A minimal Socket.IO client on a TCP connection: connects, counts events and answers pings.
import { connect } from 'node:net';
import { readFrames, textFrame } from './frames.ts';

export interface ClientEvents {
  /** Called when CONNECT is answered. */
  connected(payload: { sid: string; pid?: string }): void;
  /** Called for each EVENT: `bytes` contains its text and is valid during the call only. */
  event(bytes: Buffer, start: number, end: number): void;
  /** Called for each answer to an event with an id, such as `7[{"ok":true}]`. */
  answered?(text: string): void;
  closed(reason: string): void;
}

export interface BenchClient {
  send(text: string): void;
  destroy(): void;
}

const sharedBytes = Buffer.alloc(256 * 1024); // shared: each read is consumed before the next one
const request = [
  'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n');
const endOfHeaders = Buffer.from('\r\n\r\n');
const pong = textFrame('3');

/** @param auth the payload of the CONNECT packet */
export function openClient(port: number, auth: object, events: ClientEvents): BenchClient {
  let rest: Buffer | undefined;
  let upgraded = false;
  const receive = (bytes: Buffer, end: number) => {
    let start = 0;
    if (!upgraded) {
      const headersEnd = bytes.subarray(0, end).indexOf(endOfHeaders);
      if (headersEnd < 0) return bytes.subarray(0, end);
      upgraded = true;
      start = headersEnd + endOfHeaders.length;
    }
    const body = bytes.subarray(start, end);
    const read = readFrames(body, body.length, (opcode, from, to) => {
      if (opcode === 1) packet(body, from, to);
      else if (opcode === 8) socket.destroy();
    });
    return read < body.length ? body.subarray(read) : undefined;
  };
  const packet = (bytes: Buffer, from: number, to: number) => {
    const kind = bytes.toString('latin1', from, Math.min(to, from + 2));
    if (kind === '42') events.event(bytes, from, to);
    else if (kind === '2') socket.write(pong);
    else if (kind.startsWith('0')) socket.write(textFrame(`40${JSON.stringify(auth)}`));
    else if (kind === '40') events.connected(JSON.parse(bytes.toString('utf8', from + 2, to)));
    else if (kind === '43') events.answered?.(bytes.toString('utf8', from + 2, to));
    else if (kind === '44') events.closed(bytes.toString('utf8', from, to));
  };
  const callback = (length: number, bytes: Uint8Array) => {
    let chunk = bytes as Buffer;
    let end = length;
    if (rest) {
      chunk = Buffer.concat([rest, chunk.subarray(0, length)]);
      end = chunk.length;
    }
    const left = receive(chunk, end);
    rest = left && Buffer.from(left);
    return true;
  };
  const onread = { buffer: sharedBytes, callback };
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
  let reason = 'closed';
  socket.once('connect', () => socket.write(request));
  socket.on('error', (error) => {
    reason = error.message;
  });
  socket.once('close', () => events.closed(reason));
  return {
    send: (text) => void socket.write(textFrame(text)),
    destroy: () => void socket.destroy(),
  };
}
