// The adapter of one namespace: the methods that Socket.IO calls, on top of a Redis or memory
// engine.
import { RedisAdapter } from '@socket.io/redis-adapter';
import type { Namespace, Socket } from 'socket.io';
import type { BroadcastOptions } from 'socket.io-adapter';
import { type Flags, noId, requireDefaultParser } from './delivery/envelope.ts';
import type { Outcome } from './engine/engine.ts';
import { everyone, namesOf } from './engine/names.ts';
import { stockKeyOf } from './options.ts';
import { type Connect, currentConnect, hookConnect } from './session/connect-hook.ts';
import { createDataSaver } from './session/data-saver.ts';
import { goLive } from './session/delivery.ts';
import { createDirectWriter, type DirectWriter, withOffset } from './session/direct-writer.ts';
import { type HandlerHost, watchConnectHandlers, watchHandlers } from './session/handlers.ts';
import { createTell, type Tell } from './session/listener.ts';
import { confirmOnceAnswered } from './session/pings.ts';
import {
  closed,
  confirm,
  connected,
  createSession,
  infoOf,
  isOver,
  leaveRoom,
  lost,
  type Session,
} from './session/session.ts';
import { createSessionStore, type SessionStore } from './session/session-store.ts';
import { createSessionWriter, type SessionWriter } from './session/session-writer.ts';
import { type DirectPacket, toStored, waiting } from './session/unconfirmed.ts';
import {
  broadcastLocally,
  type Client,
  clientOf,
  encoderOf,
  endConnection,
  forgetUnconnected,
  mapEncoded,
  type Packet,
  type PacketEncoder,
  privateIdOf,
  reopenWhenAttached,
} from './socketio-internals.ts';
import { toStock } from './stream/bridge.ts';
import { type Channels, openChannels } from './stream/channels.ts';
import { answerFailures, beforeRequests, rememberOwnRequests } from './stream/cluster-requests.ts';
import {
  type Extras,
  extend,
  type Message,
  type Publisher,
  toMessage,
} from './stream/publisher.ts';
import { restore } from './stream/restore.ts';
import type { Stream } from './stream/stream.ts';

type BaseClient = ConstructorParameters<typeof RedisAdapter>[1];

/**
 * Handles broadcasts, rooms and sessions. The base class handles requests between servers
 * (`fetchSockets`, `serverSideEmit`, acknowledgements, ...).
 */
export class RecoveringAdapter extends RedisAdapter {
  readonly sessions = new Map<string, Session>(); // by socket id
  readonly #byPid = new Map<string, Session>();
  readonly stream: Stream;
  readonly channels: Channels;
  readonly store: SessionStore;
  readonly writer: SessionWriter;
  readonly handlerHost: HandlerHost;
  readonly #publisher: Publisher;
  readonly #encoder: PacketEncoder;
  readonly #direct: DirectWriter;
  readonly #tell: Tell;
  readonly #users = new WeakMap<Socket, string>();
  #closed = false;

  constructor(nsp: Namespace, stream: Stream, base: BaseClient, publisher: Publisher) {
    const { options } = stream;
    super(nsp, base, base, { key: stockKeyOf(options) });
    this.#encoder = encoderOf(nsp.server);
    requireDefaultParser(this.#encoder);
    this.stream = stream;
    this.#publisher = publisher;
    this.#tell = createTell(options, nsp.name);
    this.#direct = createDirectWriter(nsp, this.#encoder, stream);
    this.store = createSessionStore(stream, nsp.name);
    this.writer = createSessionWriter(this.store, this.sessions, options, {
      lost: (session) => this.retire(session),
      ended: (session) => options.sessions.ended(infoOf(session, nsp.name)),
    });
    this.handlerHost = createDataSaver(this.sessions, this.writer.save);
    this.channels = openChannels(stream, this, namesOf(stream.prefix, nsp.name));
    mapEncoded(this, (packet) => {
      stream.arrivals.flush();
      return withOffset(nsp, packet, stream.offset());
    });
    beforeRequests(this, stream);
    answerFailures(this);
    rememberOwnRequests(this);
    const identify = async (auth: Record<string, unknown>, { conn }: Client) => {
      await Promise.all([stream.started, this.channels.listening()]); // else it misses messages
      return options.identify(auth, nsp.name, conn);
    };
    hookConnect(nsp, identify, (socket, connect) => this.#created(socket, connect));
    nsp.prependListener('connect', this.#connected); // before the application's
    watchConnectHandlers(nsp);
  }

  /** Resolves once the session is saved: an acknowledged join survives a crash of this process. */
  override addAll(sid: string, rooms: Set<string>): Promise<void> {
    this.stream.arrivals.flush(); // earlier messages are not for the new member
    rooms.delete(everyone); // every socket is a member for its whole life
    let session = this.sessions.get(sid);
    if (!session) {
      session = createSession(sid);
      this.channels.start(session);
      this.own(session);
    }
    const fresh = [...rooms].filter((room) => !this.sids.get(sid)?.has(room));
    super.addAll(sid, rooms);
    for (const room of fresh) this.channels.enter(session, room);
    if (session.socket) this.#tell('changed', session);
    // Saves even if it is a member already: a client repeats a join that was not acknowledged.
    return session.socket ? this.writer.save(session) : Promise.resolve();
  }

  /** Resolves once the session is saved: an acknowledged leave survives a crash, too. */
  override del(sid: string, room: string): Promise<void> {
    this.stream.arrivals.flush(); // earlier messages are still for this member
    if (room === everyone) return Promise.resolve();
    super.del(sid, room);
    const session = this.sessions.get(sid);
    if (session) leaveRoom(session, room);
    this.channels.left(room);
    if (session?.socket) this.#tell('changed', session);
    return session?.socket ? this.writer.save(session) : Promise.resolve();
  }

  override delAll(sid: string): void {
    const rooms = [...(this.sids.get(sid) ?? [])];
    super.delAll(sid);
    const session = this.sessions.get(sid);
    if (session) this.#ended(session);
    for (const room of rooms) this.channels.left(room);
  }

  /** Returns false if the socket must not live. */
  #created(socket: Socket, { user = '', session }: Connect): boolean {
    this.#users.set(socket, user);
    watchHandlers(socket);
    if (this.#closed) {
      if (session) this.abandon(session, false);
      return false; // the namespace was recreated; the client must reconnect to the new one
    }
    if (!session || !socket.recovered) return true;
    if (this.sessions.get(socket.id) !== session) return false; // claimed again meanwhile
    session.socket = socket;
    return true;
  }

  readonly #connected = (socket: Socket): void => {
    if (this.#closed) socket.conn.close();
    const session = this.sessions.get(socket.id);
    if (!session) return;
    const [client, user] = [clientOf(socket), this.#users.get(socket) ?? ''];
    connected(session, { socket, client, user, data: socket.data, pid: privateIdOf(socket) });
    this.own(session);
    if (!socket.recovered) this.#tell('opened', session);
    const { packets = [] } = this.stream.confirmations.take(session) ?? {};
    const writeAgain = (packet: DirectPacket) => this.#direct.writeAgain(session, socket, packet);
    goLive(this, session, packets, writeAgain, this.stream);
    void this.writer.save(session);
    const written = session.heldAfter ?? this.stream.delivered();
    confirmOnceAnswered(session, socket, written, this.writer.save);
  };

  override persistSession({ sid, data }: { sid: string; data: unknown }): void {
    const session = this.sessions.get(sid);
    if (!session || isOver(session)) return;
    closed(session, data);
    this.#release(session);
  }

  override restoreSession(pid: string, offset: string): Promise<never> {
    const connect = currentConnect();
    if (!connect) return Promise.resolve(null as never);
    return restore(this, pid, offset, connect) as Promise<unknown> as Promise<never>;
  }

  /** From now on this process has the session, and may be asked to yield it. */
  own(session: Session): void {
    this.sessions.set(session.sid, session);
    if (session.pid !== undefined) this.#byPid.set(session.pid, session);
  }

  /** Yields a session to another connection. Returns what its client may not have read. */
  yieldSession(pid: string, epoch: number): string | undefined {
    const session = this.#byPid.get(pid);
    if (session && session.epoch < epoch) {
      const { unconfirmed = waiting([]) } = session;
      this.retire(session);
      return JSON.stringify(toStored(unconfirmed));
    }
    const { unconfirmed } = this.writer.released(pid) ?? {};
    return unconfirmed && JSON.stringify(toStored(unconfirmed));
  }

  /** Closes a connection that lost its session. Sends no DISCONNECT, which would be final. */
  retire(session: Session): void {
    const { socket, client, phase } = session;
    if (phase === 'lost') return;
    lost(session);
    this.stream.confirmations.take(session);
    this.#tell('lost', session);
    if (socket?.connected) {
      endConnection(socket);
      return;
    }
    // A late answer to its last save may come when its successor is here already.
    if (this.sessions.get(session.sid) === session) this.delAll(session.sid);
    if (socket) forgetUnconnected(this.nsp, socket);
    client?.conn.close();
  }

  abandon(session: Session, useless: boolean): void {
    if (this.sessions.get(session.sid) !== session) return;
    if (!isOver(session)) {
      closed(session);
      if (useless) this.#remove(session);
      else this.#release(session);
    }
    this.delAll(session.sid);
  }

  #ended(session: Session): void {
    const { sid, pid = '' } = session;
    this.sessions.delete(sid);
    if (this.#byPid.get(pid) === session) this.#byPid.delete(pid);
    if (isOver(session)) return;
    // Never connected: a restored socket whose transport closed or that a middleware refused.
    const unconnected = session.socket !== undefined && !session.socket.connected;
    const returns = session.phase === 'restoring' || unconnected;
    closed(session); // a pending save would recreate the session
    if (returns) this.#release(session);
    else this.#remove(session);
  }

  #release(session: Session): void {
    if (session.pid === undefined) {
      this.#remove(session); // nobody can claim it
      return;
    }
    session.unconfirmed = this.stream.confirmations.take(session);
    const isConfirmed = session.confirmed !== undefined && session.heldAfter === undefined;
    if (isConfirmed) confirm(session, this.stream.received());
    this.writer.release(session);
    this.#tell('released', session);
  }

  #remove(session: Session): void {
    this.stream.confirmations.take(session);
    this.writer.remove(session);
  }

  override broadcast(packet: Packet, to: BroadcastOptions): void {
    const message = this.#route(packet, to);
    if (message) this.#publisher.post(message);
  }

  /**
   * Broadcasts and resolves once the engine has stored the message, or to `undefined` if it was
   * only for sockets of this process. After a rejection with `EngineUnavailable` the message may
   * still have been published.
   */
  async publish(
    packet: Packet,
    to: BroadcastOptions,
    extras: Extras,
  ): Promise<Outcome | undefined> {
    const message = this.#route(packet, to);
    return message && this.#publisher.publish(extend(message, extras));
  }

  /** Returns the message to publish, or writes the packet if it is for sockets of this process. */
  #route(packet: Packet, to: BroadcastOptions): Message | undefined {
    const flags: Flags = to.flags ?? {};
    const rooms = [...to.rooms];
    const except = [...(to.except ?? [])]; // numbers stay numbers, as in `socket.rooms`
    const target = rooms.length === 1 && except.length === 0 ? rooms[0] : undefined;
    const session = target === undefined ? undefined : this.sessions.get(target);
    const socket = session?.socket;
    const isWritable = socket?.connected && socket.conn.readyState === 'open';
    const { options } = this.stream;
    const { trail } = options;
    if (session && isWritable) {
      this.#direct.write(session, socket, packet, flags);
      if (trail.active) trail.sent(socket, String(packet.data[0]));
    } else if (flags.local) broadcastLocally(this, packet, to);
    else if (packet.id === undefined) {
      const encoded = this.#encoder.encode(withOffset(this.nsp, packet, noId));
      const format = this.stream.format();
      const message = toMessage(encoded, this.channels, { rooms, except, flags, format });
      if (options.bridge) message.raw = toStock(this, options, packet, to);
      if (trail.active) message.traced = this.#traced(packet, rooms, except.length, flags);
      return message;
    } // otherwise: an acknowledgement is expected from a socket of another process
    return undefined;
  }

  #traced({ data: [event] }: Packet, rooms: string[], except: number, flags: Flags) {
    const volatile = flags.volatile === true;
    return { namespace: this.nsp.name, event: String(event), rooms, except, volatile };
  }

  override async close(): Promise<void> {
    if (!this.#closed) {
      reopenWhenAttached(this.nsp, () => this.nsp.off('connect', this.#connected));
    }
    this.#closed = true;
    this.channels.close(); // at once: the namespace may be recreated while this one closes
    super.close();
    await this.writer.close();
  }
}
