// All private members of Socket.IO 4.8 and @socket.io/redis-adapter 8.3 that the adapter uses. Each
// accessor checks its member, so that an incompatible version fails with a clear error.
import type { RedisAdapter } from '@socket.io/redis-adapter';
import type { BroadcastOperator, Namespace, Server, Socket } from 'socket.io';
import { Adapter, type BroadcastOptions } from 'socket.io-adapter';

/** A Socket.IO packet before encoding. */
export interface Packet {
  type: number;
  nsp?: string;
  data: unknown[];
  /** Id of the acknowledgement, if the sender expects one. */
  id?: number;
}

export interface PacketEncoder {
  encode(packet: object): (string | Buffer)[];
}

/** The payload of a CONNECT packet. */
export type Auth = Record<string, unknown>;

/** Socket.IO's client: the connection that several namespaces share. */
export interface Client {
  conn: {
    readyState: string;
    close(): void;
    on(event: 'heartbeat', listener: () => void): unknown;
    off(event: 'heartbeat', listener: () => void): unknown;
  };
  close(): void;
  onclose(reason: string): void;
}

export const eventType = 2;

/** @throws {Error} if the member is missing or has another type */
function member<T>(owner: object, name: string, isFit: (value: unknown) => boolean): T {
  const value: unknown = Reflect.get(owner, name);
  if (isFit(value)) return value as T;
  throw new Error(
    `This version of Socket.IO has no usable ${name}: install socket.io 4.8 and ` +
      '@socket.io/redis-adapter 8.3',
  );
}

const isFunction = (value: unknown) => typeof value === 'function';
const isMap = (value: unknown) => value instanceof Map;

type Method = (...args: unknown[]) => unknown;
export const method = (owner: object, name: string) => member<Method>(owner, name, isFunction);
/** The method of the class: an earlier adapter may have wrapped that of the object. */
const originalOf = (owner: object, name: string) =>
  method(Object.getPrototypeOf(owner), name).bind(owner);

export function encoderOf(server: Server): PacketEncoder {
  return member(server, 'encoder', (value) => value !== null && typeof value === 'object');
}

export const optionsOf = (server: Server) =>
  member<object>(server, 'opts', (value) => value !== null && typeof value === 'object');

/** The recovery window of a server in milliseconds, or 0 if recovery is off. */
export function recoveryMsOf(server: Server): number {
  const recovery: unknown = Reflect.get(optionsOf(server), 'connectionStateRecovery');
  if (recovery === null || typeof recovery !== 'object') return 0;
  return Number(Reflect.get(recovery, 'maxDisconnectionDuration'));
}

/** Decodes a packet from its parts, text first. */
export function decode(server: Server, parts: (string | Buffer)[]): Packet {
  const decoder = new server._parser.Decoder();
  let packet: Packet | undefined;
  decoder.on('decoded', (decoded: object) => {
    packet = decoded as Packet;
  });
  for (const part of parts) decoder.add(part);
  if (!packet) throw new Error('The parts do not form a packet');
  return packet;
}

/** The private session id, if recovery is on. */
export function privateIdOf(socket: Socket): string | undefined {
  const pid: unknown = Reflect.get(socket, 'pid');
  return typeof pid === 'string' ? pid : undefined;
}

export const clientOf = (socket: Socket) => socket.client as unknown as Client;

/** Shows a packet to the listeners of `onAnyOutgoing`. */
export function notifyOutgoing(socket: Socket, packet: Packet): void {
  method(socket, 'notifyOutgoingListeners').call(socket, packet);
}

/** Writes an encoded packet to one socket of this process. */
export function writeEncoded(
  socket: Socket,
  encoded: (string | Buffer)[],
  flags: { compress: boolean },
): void {
  const { client } = socket;
  method(client, 'writeToEngine').call(client, encoded, flags);
}

/** Writes a packet to one socket of this process. */
export function writePacket(
  socket: Socket,
  packet: Packet,
  flags: { volatile?: boolean | undefined; compress?: boolean | undefined },
): void {
  method(socket, 'packet').call(socket, packet, flags);
}

type CreateSocket = (client: Client, auth: Auth) => Promise<Socket>;

/**
 * Wraps the function that creates a socket for a CONNECT packet. It runs before all middlewares.
 */
export function wrapCreateSocket(
  namespace: Namespace,
  wrap: (create: CreateSocket) => CreateSocket,
): void {
  const create = originalOf(namespace, '_createSocket') as CreateSocket;
  Reflect.set(namespace, '_createSocket', wrap(create));
}

type Event = [name: string, ...args: unknown[]];

interface SocketHooks {
  /** Runs the handlers of an event. */
  handle(socket: Socket, event: Event): void;
  /** Sends an acknowledgement, now or later. */
  acknowledge(socket: Socket, send: () => void): void;
}

const extended = new WeakMap<object, object>(); // prototypes of sockets, by the original

/** Replaces what a socket does with events. All sockets share the methods. */
export function extendSocket(socket: Socket, { handle, acknowledge }: SocketHooks): void {
  const original = Object.getPrototypeOf(socket);
  const known = extended.get(original);
  if (known) return void Object.setPrototypeOf(socket, known);
  const run = method(original, 'run'); // the middlewares of `socket.use()`
  const failed = method(original, '_onerror');
  const ack = method(original, 'ack');
  method(original, 'dispatch'); // which is replaced
  const methods = {
    dispatch(this: Socket, event: Event) {
      run.call(this, event, (error?: Error) => {
        process.nextTick(() => {
          if (error) failed.call(this, error);
          else if (this.connected) handle(this, event);
        });
      });
    },
    ack(this: Socket, id: number) {
      const send = ack.call(this, id) as Method;
      return (...args: unknown[]) => acknowledge(this, () => void send(...args));
    },
  };
  const prototype = Object.assign(Object.create(original), methods);
  extended.set(original, prototype);
  Object.setPrototypeOf(socket, prototype);
}

/** Replaces how a namespace calls its listeners for new sockets. */
export function wrapConnectEvents(
  namespace: Namespace,
  call: (event: string, socket: Socket) => void,
): void {
  const emit = originalOf(namespace, 'emitReserved');
  Reflect.set(namespace, 'emitReserved', (event: string, ...args: unknown[]) => {
    if (event === 'connect' || event === 'connection') call(event, args[0] as Socket);
    else emit(event, ...args);
  });
}

/**
 * Creates a new adapter for a namespace whose server was closed, when the server is attached to an
 * HTTP server again. Socket.IO itself keeps the closed adapter.
 */
export function reopenWhenAttached(namespace: Namespace, before: () => void): void {
  const { server } = namespace;
  const isKept = () =>
    member<Map<string, unknown>>(server, '_nsps', isMap).get(namespace.name) === namespace;
  queueMicrotask(() => {
    if (!isKept()) return; // an empty dynamic namespace, which was closed alone
    const bind = method(server, 'bind');
    Reflect.set(server, 'bind', (engine: unknown) => {
      Reflect.set(server, 'bind', bind);
      if (isKept()) {
        before();
        method(namespace, '_initAdapter').call(namespace);
      }
      return bind.call(server, engine);
    });
  });
}

/** Drops a socket whose middlewares still run, but not its successor with the same id. */
export function forgetUnconnected(namespace: Namespace, socket: Socket): void {
  const unconnected = member<Map<string, Socket>>(namespace, '_preConnectSockets', isMap);
  if (unconnected.get(socket.id) === socket) unconnected.delete(socket.id);
  retireId(socket);
}

/** Renames a socket, so that its cleanup cannot take the rooms of its successor. */
export function retireId(socket: Socket): void {
  Reflect.set(socket, 'id', `${socket.id}#retired`);
}

/** Closes a connection now, even one that is closing and waits for a dead peer. */
export function endConnection(socket: Socket): void {
  const client = clientOf(socket);
  client.close();
  if (socket.connected) client.onclose('forced server close');
}

/** Maps each packet that the base class encodes: local broadcasts, and those of emitters. */
export function mapEncoded(adapter: Adapter, map: (packet: Packet) => Packet): void {
  const encode = method(Adapter.prototype, '_encode');
  Reflect.set(adapter, '_encode', (packet: Packet, options: object) =>
    encode.call(adapter, map(packet), options),
  );
}

/** Broadcasts only to the sockets of this process. */
export function broadcastLocally(adapter: Adapter, packet: Packet, to: BroadcastOptions): void {
  Adapter.prototype.broadcast.call(adapter, packet as never, to);
}

/** Wraps the receivers of requests from other servers and of messages from emitters. */
export function wrapRequests(adapter: RedisAdapter, wrap: (receive: Method) => Method): void {
  for (const name of ['onrequest', 'onmessage']) {
    Reflect.set(adapter, name, wrap(method(adapter, name).bind(adapter)));
  }
}

/** Wraps `serverSideEmit` with an acknowledgement. */
export function wrapServerSideEmitWithAck(
  adapter: RedisAdapter,
  wrap: (emit: (packet: unknown[]) => Promise<unknown>) => Method,
): void {
  const name = 'serverSideEmitWithAck';
  Reflect.set(adapter, name, wrap(method(adapter, name).bind(adapter) as never));
}

/** The requests for acknowledgements that this process has sent, by id. */
export const ackRequestsOf = (adapter: RedisAdapter) =>
  member<Map<string, unknown>>(adapter, 'ackRequests', isMap);

/** The resolved target of an `emit`. */
export interface Destination {
  adapter: Adapter;
  to: BroadcastOptions;
}

/**
 * The namespaces and rooms that an `emit` on the target reaches. A parent namespace has one
 * destination per child.
 * @throws {TypeError} for sockets, which emit to themselves, and for anything else
 */
export function destinationsOf(target: object): Destination[] {
  const inner: unknown = Reflect.get(target, 'sockets');
  const isServer = inner !== null && typeof inner === 'object' && 'adapter' in inner;
  if (isServer) return destinationsOf(inner); // a server stands for its main namespace
  const children: unknown = Reflect.get(target, 'children');
  if (children instanceof Set) return [...children].flatMap(destinationsOf);
  const adapter: unknown = Reflect.get(target, 'adapter');
  if (adapter === null || typeof adapter !== 'object' || !('broadcast' in adapter)) {
    throw new TypeError(
      'Publish to a server, a namespace, or the result of their to() or except()',
    );
  }
  const found = adapter as Adapter;
  if (inner instanceof Map) return [{ adapter: found, to: { rooms: new Set() } }]; // a namespace
  const { rooms, exceptRooms, flags } = operatorFields(target as BroadcastOperator<never, never>);
  return [{ adapter: found, to: { rooms, except: exceptRooms, flags } }];
}

interface OperatorFields {
  rooms: Set<string>;
  exceptRooms: Set<string>;
  flags: NonNullable<BroadcastOptions['flags']>;
}

function operatorFields(operator: BroadcastOperator<never, never>): OperatorFields {
  const isSet = (value: unknown) => value instanceof Set;
  return {
    rooms: member(operator, 'rooms', isSet),
    exceptRooms: member(operator, 'exceptRooms', isSet),
    flags: member(operator, 'flags', (value) => value !== null && typeof value === 'object'),
  };
}
