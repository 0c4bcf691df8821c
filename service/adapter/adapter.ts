// An adapter for Socket.IO 4.8 on Redis with connection state recovery on any process.
import { RedisAdapter } from '@socket.io/redis-adapter';
import type { Namespace, Socket } from 'socket.io';
import { Adapter, type BroadcastOptions } from 'socket.io-adapter';
import { answerFailures, beforeRequests } from './cluster-requests.ts';
import { goLive, type Packet, writeDirect } from './delivery/delivery.ts';
import { type Flags, noId, type PacketEncoder, requireDefaultParser } from './delivery/envelope.ts';
import * as handshakes from './session/connect-hook.ts';
import { restore } from './session/restore.ts';
import { newSession, type Session } from './session/session.ts';
import { createKeeper, type Keeper } from './session/session-writer.ts';
import { type Channels, everyone, openChannels } from './stream/channels.ts';
import { type Message, toMessage } from './stream/publisher.ts';
import type { Hub } from './stream/stream.ts';

type Post = (message: Message) => void;
type BaseClient = ConstructorParameters<typeof RedisAdapter>[1];

/**
 * Requests between servers (`fetchSockets`, `serverSideEmit`, acknowledgements, ...) are the base
 * class's; broadcasts, rooms and sessions are handled here.
 */
export class RecoveringAdapter extends RedisAdapter {
  readonly sessions = new Map<string, Session>();
  readonly hub: Hub;
  readonly channels: Channels;
  readonly #post: Post;
  readonly keeper: Keeper;
  readonly #encoder: PacketEncoder;
  readonly #users = new WeakMap<Socket, string>();
  #closed = false;

  constructor(nsp: Namespace, hub: Hub, base: BaseClient, post: Post) {
    super(nsp, base, base, { key: hub.options.key });
    this.#encoder = Reflect.get(nsp.server, 'encoder');
    requireDefaultParser(this.#encoder);
    this.hub = hub;
    this.#post = post;
    this.keeper = createKeeper(hub, nsp.name, this.sessions, (session) => this.retire(session));
    this.channels = openChannels(hub, this);
    const encodeBase = Reflect.get(Adapter.prototype, '_encode'); // of local and emitters' messages
    Reflect.set(this, '_encode', (packet: Packet, options: object) =>
      encodeBase.call(this, this.#withOffset(packet), options),
    );
    beforeRequests(this, hub);
    answerFailures(this);
    const identify = async (auth: Record<string, unknown>) => {
      await Promise.all([hub.started, this.channels.listening()]); // else it would miss messages
      return hub.options.identify(auth, nsp.name);
    };
    handshakes.hookHandshake(nsp, identify, (socket, handshake) =>
      this.#created(socket, handshake),
    );
    nsp.on('connect', (socket) => this.#connected(socket)); // before any listener of the user's
  }

  /** Resolves when the session knows of the rooms: an acknowledged join survives this process. */
  override addAll(sid: string, rooms: Set<string>): Promise<void> {
    this.hub.turn.flush(); // what has arrived is not for those who join now
    rooms.delete(everyone); // everybody is in it, and stays there
    let session = this.sessions.get(sid);
    if (!session) {
      session = newSession(sid);
      this.channels.start(session);
      this.sessions.set(sid, session);
    }
    const fresh = [...rooms].filter((room) => !this.sids.get(sid)?.has(room));
    super.addAll(sid, rooms);
    for (const room of fresh) this.channels.enter(session, room);
    // Also of a room that it is in: whoever repeats a join was not told that it is saved.
    return session.socket ? this.keeper.save(session) : Promise.resolve();
  }

  /** Resolves when the session has forgotten the room: an acknowledged leave survives too. */
  override del(sid: string, room: string): Promise<void> {
    this.hub.turn.flush(); // what has arrived is for those who leave now
    if (room === everyone) return Promise.resolve();
    super.del(sid, room);
    const session = this.sessions.get(sid);
    session?.joined.delete(room);
    this.channels.left(room);
    return session?.socket ? this.keeper.save(session) : Promise.resolve();
  }

  override delAll(sid: string): void {
    const rooms = [...(this.sids.get(sid) ?? [])];
    super.delAll(sid);
    const session = this.sessions.get(sid);
    if (session) this.#ended(session);
    for (const room of rooms) this.channels.left(room);
  }

  #created(socket: Socket, { user = '', session }: handshakes.Handshake): boolean {
    this.#users.set(socket, user);
    if (this.#closed) {
      if (session) this.abandon(session, false);
      return false; // the namespace was made anew meanwhile: the client is to come there
    }
    if (!session || !socket.recovered) return true;
    if (this.sessions.get(socket.id) !== session) return false; // claimed again meanwhile
    session.socket = socket;
    return true;
  }

  #connected(socket: Socket): void {
    const session = this.sessions.get(socket.id);
    if (this.#closed) socket.conn.close();
    if (!session) return;
    Object.assign(session, { socket, client: socket.client, data: socket.data, phase: 'open' });
    session.user = this.#users.get(socket) ?? '';
    const pid = Reflect.get(socket, 'pid');
    if (typeof pid === 'string') session.pid = pid;
    goLive(this, session, this.hub.wire, this.hub.options.trail);
    void this.keeper.save(session);
  }

  override persistSession({ sid, data }: { sid: string; data: unknown }): void {
    const session = this.sessions.get(sid);
    if (!session || session.phase === 'lost') return;
    session.phase = 'closed';
    session.data = data;
    this.keeper.release(session);
  }

  override restoreSession(pid: string, offset: string): Promise<never> {
    const handshake = handshakes.currentHandshake();
    if (!handshake) return Promise.resolve(null as never);
    return restore(this, pid, offset, handshake) as Promise<unknown> as Promise<never>;
  }

  /** A newer connection has the session: this one goes, without a DISCONNECT, which is final. */
  retire(session: Session): void {
    const { socket, client, phase } = session;
    if (phase === 'lost') return;
    session.phase = 'lost';
    if (socket?.connected) {
      handshakes.endConnection(socket);
      return;
    }
    this.delAll(session.sid);
    if (socket) handshakes.forgetUnconnected(this.nsp, socket);
    client?.conn.close();
  }

  /** Undoes a restore that failed; a `useless` session is deleted, others wait for a next try. */
  abandon(session: Session, useless: boolean): void {
    if (this.sessions.get(session.sid) !== session) return;
    session.phase = useless ? 'open' : 'restoring';
    this.delAll(session.sid);
  }

  #ended(session: Session): void {
    const { phase, socket } = session;
    this.sessions.delete(session.sid);
    if (phase === 'closed' || phase === 'lost') return;
    // Restored, and its transport closed or a middleware refused before it was connected.
    const unconnected = socket !== undefined && !socket.connected;
    if (phase === 'restoring' || unconnected) this.keeper.release(session);
    else {
      session.phase = 'closed'; // what waits to be saved would bring it back
      this.keeper.remove(session);
    }
  }

  override broadcast(packet: Packet, opts: BroadcastOptions): void {
    const flags: Flags = opts.flags ?? {};
    const rooms = [...opts.rooms];
    const except = [...(opts.except ?? [])]; // numbers stay numbers, as in `socket.rooms`
    const target = rooms.length === 1 && except.length === 0 ? rooms[0] : undefined;
    const socket = target === undefined ? undefined : this.sessions.get(target)?.socket;
    const isWritable = socket?.connected && socket.conn.readyState === 'open';
    const { trail } = this.hub.options;
    if (isWritable) {
      writeDirect(socket, packet, this.#withOffset(packet), flags);
      if (trail.active) trail.sent(socket, String(packet.data[0]));
    } else if (flags.local) Adapter.prototype.broadcast.call(this, packet as never, opts);
    else if (packet.id === undefined) {
      const encoded = this.#encoder.encode(this.#withOffset(packet, noId));
      const message = toMessage(encoded, this.channels, { rooms, except, flags });
      if (trail.active) message.traced = this.#traced(packet, rooms, except.length, flags);
      this.#post(message);
    } // else an acknowledgement is awaited from a socket that is not here
  }

  #traced({ data: [event] }: Packet, rooms: string[], except: number, { volatile }: Flags) {
    return {
      namespace: this.nsp.name,
      event: String(event),
      rooms,
      except,
      volatile: volatile === true,
    };
  }

  /** A copy: others share the packet. Without an offset a trailing text would be taken for one. */
  #withOffset(packet: Packet, offset = this.hub.lastSeen()): Packet {
    const data = packet.id === undefined ? [...packet.data, offset] : packet.data;
    return { ...packet, nsp: this.nsp.name, data };
  }

  override async close(): Promise<void> {
    this.#closed = true;
    this.channels.close(); // at once: a namespace of this name may be made anew meanwhile
    super.close();
    await this.keeper.close();
  }
}
