// A message as it travels: encoded once by the publisher, relayed unread, framed once per process.
//
//   id (16 digits) | header length (2 bytes) | header (JSON) | packet | attachments
//
// A stock client takes the last argument of an event for its offset. The packet is encoded with
// zeros there, which every process overwrites with the id.
import { WebSocket } from 'ws';

/** Microseconds by Redis's clock, as 16 digits: ordered as text. */
export type Id = string;
export const noId: Id = '0000000000000000';
const idLength = noId.length;
const tailLength = idLength + 2; // the id, a quote and a bracket

export const isId = (value: unknown): value is Id =>
  typeof value === 'string' && /^\d{16}$/.test(value);

interface Header {
  /** Rooms whose members do not get it. */
  except?: string[];
  /** Rooms that are socket ids, on the channel that all of those share. */
  to?: string[];
  volatile?: true;
  compress?: false;
  /** Lengths of the attachments, in bytes. */
  attachments?: number[];
}

export interface Entry {
  id: Id;
  header: Header;
  bytes: number;
  /** What `client.writeToEngine` takes. */
  packets: (string | Buffer)[];
  options: { preEncoded: true; volatile?: boolean; compress?: boolean; wsPreEncodedFrame?: object };
}

export interface PacketEncoder {
  encode(packet: object): (string | Buffer)[];
}

export interface Flags {
  volatile?: boolean;
  compress?: boolean;
  local?: boolean;
}

/** The payload that is published, without the id; the packet as the encoder of a server left it. */
export function encode(packet: (string | Buffer)[], header: Header): Buffer {
  const [text, ...attachments] = packet as [string, ...Buffer[]];
  if (attachments.length > 0) header.attachments = attachments.map((part) => part.length);
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(2);
  length.writeUInt16LE(json.length);
  return Buffer.concat([length, json, Buffer.from(text), ...attachments]);
}

/** From a channel, where the id comes first; a volatile message has none. */
export function fromChannel(message: Buffer): { id: Id; payload: Buffer } {
  return { id: message.toString('latin1', 0, idLength), payload: message.subarray(idLength) };
}

/** @param shownId what the client is to take for its offset */
export function decode(id: Id, payload: Buffer, shownId: Id): Entry {
  const bodyStart = 2 + payload.readUInt16LE(0);
  const header: Header = JSON.parse(payload.toString('utf8', 2, bodyStart));
  const attachments: Buffer[] = [];
  let end = payload.length;
  for (const length of [...(header.attachments ?? [])].reverse()) {
    attachments.unshift(payload.subarray(end - length, end));
    end -= length;
  }
  const text = Buffer.from(payload.subarray(bodyStart, end)); // a copy: others hold the same bytes
  text.write(shownId, text.length - tailLength, 'latin1');
  const options: Entry['options'] = { preEncoded: true };
  if (header.volatile) options.volatile = true;
  if (header.compress === false) options.compress = false;
  if (attachments.length === 0) options.wsPreEncodedFrame = frame(text);
  return { id, header, bytes: payload.length, packets: [text.toString(), ...attachments], options };
}

/** The WebSocket frame of an Engine.IO message, as socket.io-adapter builds it. */
function frame(text: Buffer): object {
  const sender = Reflect.get(WebSocket, 'Sender') as {
    frame(data: Buffer, options: object): object;
  };
  const options = { readOnly: false, mask: false, rsv1: false, opcode: 1, fin: true };
  return sender.frame(Buffer.concat([Buffer.from('4'), text]), options);
}

/** Throws where the server's parser does not write the last argument last, as text. */
export function requireDefaultParser(encoder: PacketEncoder): void {
  const [text] = encoder.encode({ type: 2, nsp: '/', data: ['x', noId] });
  if (typeof text !== 'string' || !text.endsWith(`"${noId}"]`)) {
    throw new Error('this adapter needs the default parser of socket.io; remove the parser option');
  }
}
