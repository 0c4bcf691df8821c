// The format of a message on a channel, as the publish script writes it:
//
//   id (16 digits) | length of the rooms (4 bytes) | rooms (JSON), if several | payload
import { type Id, idLength, isId } from '../../delivery/envelope.ts';

const lengthBytes = 4;
const roomsStart = idLength + lengthBytes;

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

/** @throws {Error} if this adapter did not publish the message */
export function decodeMessage(message: Buffer): { id: Id; payload: Buffer; rooms?: string[] } {
  const id = message.toString('latin1', 0, idLength);
  if (!isId(id) || message.length < roomsStart) {
    throw new Error('Received a message that this adapter did not publish');
  }
  const payloadStart = roomsStart + message.readUInt32LE(idLength);
  const payload = message.subarray(payloadStart);
  if (payloadStart === roomsStart) return { id, payload };
  return { id, payload, rooms: JSON.parse(message.toString('utf8', roomsStart, payloadStart)) };
}
