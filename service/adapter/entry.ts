// A message as it travels: encoded once by the publisher, relayed unread, framed once per process.
//
//   id (16 digits) | header length (2 bytes) | header (JSON) | packet | attachments
//
// Messages to the same target that one turn publishes travel as one, a bundle: a header length of
// zero, then each of them after its length (4 bytes); their ids end with the bundle's.
//
// A stock client takes the last argument of an event for its offset. The packet is encoded with
// zeros there, which every process overwrites with the id.

/** Microseconds by Redis's clock, as 16 digits: ordered as text. */
export type Id = string;
export const noId: Id = '0000000000000000';
/** Before every id: the position of a process that does not know the stream yet. */
export const unknown: Id = '';
export const idLength = noId.length;
const bundled = Buffer.alloc(2);
const lengthBytes = 4;
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
  /** A text of the publisher's that travels along; processes of an older version pass over it. */
  context?: string;
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
  /** All of it as one WebSocket frame, unless there are attachments. */
  frame: Buffer | undefined;
  /** As Engine.IO would make packets of it. */
  engine: object[];
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
  return headed(header, [Buffer.from(text), ...attachments]);
}

function headed(header: Header, parts: Buffer[]): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(2);
  length.writeUInt16LE(json.length);
  return Buffer.concat([length, json, ...parts]);
}

/** Several payloads as one. */
export function bundle(payloads: Buffer[]): Buffer {
  const parts = payloads.flatMap((payload) => {
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32LE(payload.length);
    return [length, payload];
  });
  return Buffer.concat([bundled, ...parts]);
}

/** The messages of a bundle, or the one that it is. */
export function unbundle(id: Id, payload: Buffer): { id: Id; payload: Buffer }[] {
  if (payload[0] !== 0 || payload[1] !== 0) return [{ id, payload }];
  const payloads: Buffer[] = [];
  for (let at = bundled.length; at < payload.length; ) {
    const start = at + lengthBytes;
    at = start + payload.readUInt32LE(at);
    payloads.push(payload.subarray(start, at));
  }
  return payloads.map((each, i) => ({ id: idBefore(id, payloads.length - 1 - i), payload: each }));
}

/** The id that is so many before another. */
export const idBefore = (id: Id, count: number): Id => (count === 0 ? id : `${+id - count}`);

/** The same payload with a context. */
export function withContext(payload: Buffer, context: string): Buffer {
  const bodyStart = 2 + payload.readUInt16LE(0);
  const header: Header = { ...JSON.parse(payload.toString('utf8', 2, bodyStart)), context };
  return headed(header, [payload.subarray(bodyStart)]);
}

/** From a channel, where the id comes first; a volatile message has none. */
export function fromChannel(message: Buffer): { id: Id; payload: Buffer } {
  return { id: message.toString('latin1', 0, idLength), payload: message.subarray(idLength) };
}

/** @param shownId what the client is to take for its offset */
export function decode(id: Id, payload: Buffer, shownId: Id): Entry {
  const bodyStart = 2 + payload.readUInt16LE(0);
  const header: Header = bodyStart > 4 ? JSON.parse(payload.toString('utf8', 2, bodyStart)) : {};
  const attachments: Buffer[] = [];
  let end = payload.length;
  for (const length of [...(header.attachments ?? [])].reverse()) {
    attachments.unshift(payload.subarray(end - length, end));
    end -= length;
  }
  const { frame, text } = frameOf(payload.subarray(bodyStart, end), shownId);
  const packets = [text, ...attachments];
  const options: Entry['options'] = { preEncoded: true };
  if (header.volatile) options.volatile = true;
  if (header.compress === false) options.compress = false;
  if (attachments.length === 0) options.wsPreEncodedFrame = [frame];
  const whole = attachments.length === 0 ? frame : undefined;
  const engine = [{ type: 'message', data: text, options }];
  return { id, header, bytes: payload.length, packets, options, frame: whole, engine };
}

const finalText = 0x81;
const engineMessage = '4'.charCodeAt(0);
const length16 = 126;
const length64 = 127;

/** The WebSocket frame of an Engine.IO message, in a buffer of its own: others hold `packet`. */
function frameOf(packet: Buffer, shownId: Id): { frame: Buffer; text: string } {
  const length = packet.length + 1;
  const short = length < length16;
  const headLength = short ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headLength + length);
  frame[0] = finalText;
  frame[1] = short ? length : headLength === 4 ? length16 : length64;
  if (headLength === 4) frame.writeUInt16BE(length, 2);
  else if (headLength === 10) frame.writeBigUInt64BE(BigInt(length), 2);
  frame[headLength] = engineMessage;
  packet.copy(frame, headLength + 1);
  frame.write(shownId, frame.length - tailLength, 'latin1');
  return { frame, text: frame.toString('utf8', headLength + 1) };
}

/** Throws where the server's parser does not write the last argument last, as text. */
export function requireDefaultParser(encoder: PacketEncoder): void {
  const [text] = encoder.encode({ type: 2, nsp: '/', data: ['x', noId] });
  if (typeof text !== 'string' || !text.endsWith(`"${noId}"]`)) {
    throw new Error('this adapter needs the default parser of socket.io; remove the parser option');
  }
}
