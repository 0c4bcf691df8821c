// The wire format of a message: encoded once by the publisher, and framed once per process.
//
//   format (1 byte) | header length (2 bytes) | header (JSON) | packet | attachments
//
// Consecutive messages of a batch to the same target form a bundle: its format and a header length
// of zero, then for each message its length (4 bytes) and its payload. The bundle has the id of its
// last message; the others have the ids before it.
//
// Stock clients take the last argument of an event as the offset. The packet is encoded with zeros
// in its place, and every process replaces them.

import type { PacketEncoder } from '../socketio-internals.ts';
import { type Format, requireReadable } from './formats.ts';
import { frameOf } from './websocket-frame.ts';

/** Microseconds by the engine's clock, as 16 digits, so that ids compare as strings. */
export type Id = string;
export const noId: Id = '0000000000000000';
/** Smaller than every id: the position before the first catch-up. */
export const unknown: Id = '';
export const idLength = noId.length;
const formatBytes = 1;
const headerLengthBytes = 2;
const lengthEnd = formatBytes + headerLengthBytes;
const longHeader = 0xffff; // marks a header with many rooms; its length follows in 4 bytes
const lengthBytes = 4;
const lowDigits = 6;

export const isId = (value: unknown): value is Id =>
  typeof value === 'string' && /^\d{16}$/.test(value);

interface Header {
  /** Rooms whose members are excluded. */
  except?: string[];
  volatile?: true;
  compress?: false;
  /** A text from the publisher. Processes of older versions ignore it. */
  context?: string;
  /** Lengths of the attachments, in bytes. */
  attachments?: number[];
}

interface WriteOptions {
  preEncoded: true;
  volatile?: boolean;
  compress?: boolean;
  wsPreEncodedFrame?: object;
}

/** A decoded message. Rarely needed representations are created on demand. */
export class Envelope {
  readonly id: Id;
  readonly header: Header;
  readonly bytes: number;
  /** The message as one WebSocket frame, unless it has attachments. */
  readonly frame: Buffer | undefined;
  readonly options: WriteOptions;
  readonly #text: Buffer;
  readonly #attachments: Buffer[] = [];
  #packets: [string, ...Buffer[]] | undefined;

  /** @param offset the offset that the client receives */
  constructor(id: Id, payload: Buffer, offset: string) {
    this.id = id;
    this.bytes = payload.length;
    this.header = headerOf(payload);
    const { volatile, compress, attachments = [] } = this.header;
    let end = payload.length;
    for (const length of attachments.toReversed()) {
      this.#attachments.unshift(payload.subarray(end - length, end));
      end -= length;
    }
    const { frame, text } = frameOf(payload.subarray(bodyStartOf(payload), end), offset);
    this.#text = text;
    this.options = { preEncoded: true };
    if (volatile) this.options.volatile = true;
    if (compress === false) this.options.compress = false;
    if (attachments.length > 0) return;
    this.options.wsPreEncodedFrame = [frame];
    this.frame = frame;
  }

  /** The arguments for `client.writeToEngine`. */
  get packets(): (string | Buffer)[] {
    this.#packets ??= [this.#text.toString(), ...this.#attachments];
    return this.#packets;
  }

  /** The Engine.IO packet of a message without attachments. */
  get engine(): object {
    return { type: 'message', data: this.packets[0], options: this.options };
  }
}

export interface Flags {
  volatile?: boolean;
  compress?: boolean;
  local?: boolean;
}

/**
 * Encodes the payload to publish, without the id.
 * @param packet as the encoder of a server returns it
 */
export function encode(packet: (string | Buffer)[], header: Header, format: Format): Buffer {
  const [text, ...views] = packet as [string, ...(ArrayBufferView | ArrayBuffer)[]];
  const attachments = views.map(bytesOf);
  if (attachments.length > 0) header.attachments = attachments.map((part) => part.length);
  const { payload, bodyStart } = headed(format, header, Buffer.byteLength(text));
  payload.write(text, bodyStart);
  return attachments.length > 0 ? Buffer.concat([payload, ...attachments]) : payload;
}

/** The encoder leaves binary arguments as they are. */
export const bytesOf = (view: ArrayBufferView | ArrayBuffer): Buffer =>
  ArrayBuffer.isView(view)
    ? Buffer.from(view.buffer, view.byteOffset, view.byteLength)
    : Buffer.from(view);

/** Allocates a payload and writes its header, but not its body. */
function headed(
  format: Format,
  header: Header,
  bodyBytes: number,
): { payload: Buffer; bodyStart: number } {
  const json = JSON.stringify(header);
  const jsonBytes = Buffer.byteLength(json);
  const long = jsonBytes >= longHeader;
  const jsonStart = lengthEnd + (long ? lengthBytes : 0);
  const bodyStart = jsonStart + jsonBytes;
  const payload = Buffer.allocUnsafe(bodyStart + bodyBytes);
  payload[0] = format;
  payload.writeUInt16LE(long ? longHeader : jsonBytes, formatBytes);
  if (long) payload.writeUInt32LE(jsonBytes, lengthEnd);
  payload.write(json, jsonStart);
  return { payload, bodyStart };
}

function headerEnds(payload: Buffer): [start: number, end: number] {
  const bytes = payload.readUInt16LE(formatBytes);
  if (bytes < longHeader) return [lengthEnd, lengthEnd + bytes];
  const start = lengthEnd + lengthBytes;
  return [start, start + payload.readUInt32LE(lengthEnd)];
}

const bodyStartOf = (payload: Buffer) => headerEnds(payload)[1];

/** The packet and the attachments. */
export const bodyOf = (payload: Buffer): Buffer => payload.subarray(bodyStartOf(payload));

function headerOf(payload: Buffer): Header {
  const [start, end] = headerEnds(payload);
  return end - start === '{}'.length ? {} : JSON.parse(payload.toString('utf8', start, end));
}

/** @throws {Error} if the payload is broken */
export function requireWhole(payload: Buffer): void {
  headerOf(payload);
  if (bodyStartOf(payload) > payload.length) throw new Error('The body is missing');
}

const formatOf = (payload: Buffer) => payload[0] as Format;

/** Returns the payload in a format. */
export const inFormat = (payload: Buffer, format: Format): Buffer =>
  formatOf(payload) === format ? payload : rewritten(payload, format, headerOf(payload));

/** Adds a context to a payload. */
export const withContext = (payload: Buffer, context: string): Buffer =>
  rewritten(payload, formatOf(payload), { ...headerOf(payload), context });

function rewritten(payload: Buffer, format: Format, header: Header): Buffer {
  const body = bodyOf(payload);
  const { payload: written, bodyStart } = headed(format, header, body.length);
  body.copy(written, bodyStart);
  return written;
}

/** Joins several payloads of one format into a bundle. */
export function bundle(payloads: Buffer[]): Buffer {
  const bytes = payloads.reduce((sum, { length }) => sum + lengthBytes + length, lengthEnd);
  const whole = Buffer.allocUnsafe(bytes);
  whole[0] = formatOf(payloads[0] as Buffer);
  let at = whole.writeUInt16LE(0, formatBytes);
  for (const payload of payloads) {
    at = whole.writeUInt32LE(payload.length, at);
    at += payload.copy(whole, at);
  }
  return whole;
}

/**
 * Splits a bundle. Returns other payloads unchanged.
 * @throws {Unreadable}
 */
export function unbundle(id: Id, payload: Buffer): { id: Id; payload: Buffer }[] {
  requireReadable(formatOf(payload));
  if (payload[1] !== 0 || payload[2] !== 0) return [{ id, payload }];
  const payloads: Buffer[] = [];
  for (let at = lengthEnd; at < payload.length; ) {
    const start = at + lengthBytes;
    at = start + payload.readUInt32LE(at);
    payloads.push(payload.subarray(start, at));
  }
  return payloads.map((each, i) => ({ id: idBefore(id, payloads.length - 1 - i), payload: each }));
}

/**
 * The id `count` before another. Computes on the last digits, because large numbers print slowly.
 */
export function idBefore(id: Id, count: number): Id {
  const digits = Number(id.slice(-lowDigits)) - count;
  if (digits < 0) return `${+id - count}`;
  return id.slice(0, -lowDigits) + `${digits}`.padStart(lowDigits, '0');
}

/** Throws unless the server's parser writes the last argument last, as text. */
export function requireDefaultParser(encoder: PacketEncoder): void {
  const [text] = encoder.encode({ type: 2, nsp: '/', data: ['x', noId] });
  if (typeof text !== 'string' || !text.endsWith(`"${noId}"]`)) {
    throw new Error('this adapter needs the default parser of socket.io; remove the parser option');
  }
}
