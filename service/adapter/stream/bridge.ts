// Publishes messages also in the form of @socket.io/redis-adapter, for servers that still use it.
// What those publish arrives through the base class.
import type { RedisAdapter } from '@socket.io/redis-adapter';
import type { BroadcastOptions } from 'socket.io-adapter';
import { type Id, unknown } from '../delivery/envelope.ts';
import type { RawMessage } from '../engine/engine.ts';
import { type AdapterOptions, stockKeyOf } from '../options.ts';
import type { Packet } from '../socketio-internals.ts';

const sender = 'mooring'; // in place of the id of a server, which has six characters

/** How MessagePack encodes the beginning of [sender, packet, options], without the sender. */
const beginningOf = (length: number) => Buffer.from([0x93, 0xa0 + length]);
const begins = (message: unknown, beginning: Buffer) =>
  Buffer.isBuffer(message) && beginning.equals(message.subarray(0, beginning.length));

const bridged = Buffer.concat([beginningOf(sender.length), Buffer.from(sender)]);
const fromServer = beginningOf(6); // not from an emitter

/** Whether a message comes from this adapter, which has delivered it in its own form. */
export const isBridged = (message: unknown): boolean => begins(message, bridged);

/** A packet as the stock adapter publishes it. */
export function toStock(
  { parser, nsp }: RedisAdapter,
  options: AdapterOptions,
  packet: Packet,
  { rooms, except = new Set(), flags = {} }: BroadcastOptions,
): RawMessage {
  const [room] = rooms;
  const to = { rooms: [...rooms], except: [...except], flags };
  return {
    channel: `${stockKeyOf(options)}#${nsp.name}#${rooms.size === 1 ? `${room}#` : ''}`,
    message: parser.encode([sender, { ...packet, nsp: nsp.name }, to]),
  };
}

/** Follows the messages of stock servers and emitters, which are in no log. */
export function createStockWatch({ bridge, observer }: AdapterOptions) {
  let last: Id = unknown;
  let isReported = bridge !== false;
  return {
    /** @param after everything up to this id arrived before the message */
    arrived(message: unknown, after: Id): void {
      if (after > last) last = after;
      if (isReported || !begins(message, fromServer)) return;
      isReported = true;
      observer.failed('stock_servers', new Error(unbridged));
    },
    /** Messages may have been missed until then. */
    missed(upTo: Id): void {
      if (upTo > last) last = upTo;
    },
    /** Whether a client whose last message has the given id may have missed one. */
    mayMiss: (id: Id): boolean => bridge !== false && id <= last,
  };
}

const unbridged =
  'A server with @socket.io/redis-adapter uses the same Redis and key. Its messages arrive here, ' +
  'but it gets none from here: set the option bridge to true until all servers use this adapter, ' +
  'or use another key';
