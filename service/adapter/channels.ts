// The rooms of one namespace as channels and logs: a process listens to the rooms it has members
// in, and each member knows from which position on.
import { type Members, targetOf } from './delivery.ts';
import { Entry, type Id, noId } from './entry.ts';
import type { Hub } from './hub.ts';
import type { CatchUpSource } from './resync.ts';
import type { Session } from './sessions.ts';

/** The pseudo-room of all sockets of a namespace. */
export const everyone = '*';
/** All rooms that look like a socket's own share a channel; else every connect subscribes. */
export const isDirect = (room: string) => /^[\w-]{20}$/.test(room);
/** Stands for any of them. */
export const anyDirect = '-'.repeat(20);

export type Channels = ReturnType<typeof openChannels>;

export function openChannels(hub: Hub, members: Members) {
  const { subscriptions, options } = hub;
  const prefix = `${hub.prefix}:${members.nsp.name}:`;
  const direct = `${prefix}direct`;
  const logOf = (room: string) => `${prefix}log:${room}`;
  const channelOf = (room: string) => (isDirect(room) ? direct : `${prefix}room:${room}`);
  const sidsOf = (room: string): Iterable<string> =>
    (room === everyone ? members.sids.keys() : members.rooms.get(room)) ?? [];
  const read = (id: Id, payload: Buffer) => new Entry(id, payload, id === noId ? hub.latest() : id);
  const receive = (room: string) => {
    const target = targetOf(members, () => sidsOf(room), hub);
    return (id: Id, payload: Buffer) => hub.turn.add(target, read(id, payload));
  };

  subscriptions.add(channelOf(everyone), logOf(everyone), receive(everyone));
  subscriptions.add(direct, undefined, (id, payload) => {
    const entry = read(id, payload);
    const sids = new Set(entry.header.to?.flatMap((room) => [...sidsOf(room)]));
    const target = targetOf(members, () => sids, hub);
    hub.turn.add(target, entry);
  });

  return {
    logOf,
    channelOf,
    /** Resolves when what is published to the whole namespace or to a socket arrives here. */
    listening: () => Promise.all([channelOf(everyone), direct].map(subscriptions.ready)),
    /** Listens, if nobody here did; a room that is joined starts where it is joined. */
    enter(session: Session, room: string): void {
      const restoring = session.phase === 'restoring'; // its positions come from its session
      const channel = channelOf(room);
      if (subscriptions.isActive(channel)) {
        if (!restoring) session.joined.set(room, hub.lastSeen());
        return;
      }
      // On one connection this is answered before the subscription: nothing falls between.
      if (!restoring) session.underWay.push(readPosition(hub, members, session, room));
      session.underWay.push(subscriptions.add(channel, logOf(room), receive(room)));
    },
    left(room: string): void {
      if (members.rooms.has(room) || isDirect(room)) return;
      const leave = () => members.rooms.has(room) || subscriptions.remove(channelOf(room));
      setTimeout(leave, options.unsubscribeMs).unref();
    },
    /** What to read after Redis was away. */
    catchUpSources(): CatchUpSource[] {
      return [everyone, ...members.rooms.keys()].map((room) => ({
        log: logOf(room),
        receive: receive(room),
        broken() {
          for (const sid of [...sidsOf(room)]) members.sessions.get(sid)?.client?.conn.close();
        },
      }));
    },
    close(): void {
      for (const room of [everyone, ...members.rooms.keys()]) subscriptions.remove(channelOf(room));
      subscriptions.remove(direct);
    },
  };
}

async function readPosition(hub: Hub, members: Members, session: Session, room: string) {
  const { main, opened, get } = hub.connections;
  const read = () => get(hub.keys.sequence).catch(() => null);
  const position = await (main() ? read() : opened.then(read));
  if (!members.sids.get(session.sid)?.has(room)) return;
  session.joined.set(room, position ?? hub.lastSeen());
}
