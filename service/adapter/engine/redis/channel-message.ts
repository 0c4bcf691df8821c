// The format of a message on a channel, as the publish script writes it:
//
//   format (1 byte) | id (16 digits) | length of the rooms (4 bytes) | rooms (JSON), if several
//   | payload
import { type Id, idLength, isId, noId } from '../../delivery/envelope.ts';
import { type Format, requireReadable } from '../../delivery/formats.ts';

const lengthBytes = 4;
const idStart = 1;
const idEnd = idStart + idLength;
const roomsStart = idEnd + lengthBytes;

/** Encodes the part between the id and the payload. */
export function encodeRooms(rooms: string[] | undefined): Buffer {
  if (!rooms) return Buffer.alloc(lengthBytes);
  const json = JSON.stringify(rooms);
  const bytes = Buffer.byteLength(json);
  const encoded = Buffer.allocUnsafe(lengthBytes + bytes);
  encoded.writeUInt32LE(bytes);
  encoded.write(json, lengthBytes);
  return encoded;
}

/** Encodes a text without an id. */
export const encodeText = (text: string, format: Format): Buffer =>
  Buffer.concat([
    Buffer.from([format]),
    Buffer.from(noId),
    encodeRooms(undefined),
    Buffer.from(text),
  ]);

/**
 * @throws {Unreadable}
 * @throws {Error} if this adapter did not publish the message
 */
export function decodeMessage(message: Buffer): { id: Id; payload: Buffer; rooms?: string[] } {
  requireReadable(message[0] as Format);
  const id = message.toString('latin1', idStart, idEnd);
  if (!isId(id) || message.length < roomsStart) {
    throw new Error('Received a message that this adapter did not publish');
  }
  const payloadStart = roomsStart + message.readUInt32LE(idEnd);
  const payload = message.subarray(payloadStart);
  if (payloadStart === roomsStart) return { id, payload };
  return { id, payload, rooms: JSON.parse(message.toString('utf8', roomsStart, payloadStart)) };
}
