// Client-side WebSocket frames, cheap enough that one load generator keeps up with any server here.
// No compression and no fragments: Socket.IO servers send neither.
import { randomBytes } from 'node:crypto';

const length16 = 126;
const length64 = 127;

/** Calls `found` with the payload bounds of each complete frame; returns where the rest starts. */
export function readFrames(
  bytes: Buffer,
  endAt: number,
  found: (opcode: number, start: number, end: number) => void,
): number {
  let at = 0;
  while (at + 2 <= endAt) {
    let start = at + 2;
    let length = (bytes[at + 1] as number) & 0x7f;
    if (length === length16) {
      start += 2;
      if (start > endAt) break;
      length = bytes.readUInt16BE(at + 2);
    } else if (length === length64) {
      start += 8;
      if (start > endAt) break;
      length = Number(bytes.readBigUInt64BE(at + 2));
    }
    const end = start + length;
    if (end > endAt) break;
    found((bytes[at] as number) & 0x0f, start, end);
    at = end;
  }
  return at;
}

/** A text frame, masked as the protocol requires of clients. */
export function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const short = payload.length < length16;
  const head = Buffer.alloc(short ? 2 : 4);
  head[0] = 0x81;
  head[1] = 0x80 | (short ? payload.length : length16);
  if (!short) head.writeUInt16BE(payload.length, 2);
  const mask = randomBytes(4);
  for (let i = 0; i < payload.length; i += 1) {
    payload[i] = (payload[i] as number) ^ (mask[i % 4] as number);
  }
  return Buffer.concat([head, mask, payload]);
}
