// Clients that find another replica when theirs is gone, and what they got.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Socket } from 'socket.io-client';
import { onTestFinished } from 'vitest';
import { connected, until } from './service.ts';

/** Where the client's next connection goes; a load balancer would decide it. */
export function sendTo(client: Socket, url: string): void {
  Reflect.set(client.io, 'uri', url);
}

/** Another connection of the client, which claims its session with the offset that it has now. */
export function claimantOf(client: Socket, url: string): Socket {
  const claimant = connect(url, {
    forceNew: true,
    transports: ['websocket'],
    reconnection: false,
    autoConnect: false,
  });
  for (const field of ['_pid', '_lastOffset']) {
    Reflect.set(claimant, field, Reflect.get(client, field));
  }
  onTestFinished(() => void claimant.disconnect());
  return claimant;
}

/** Tries the replicas in turn on every attempt to reconnect. */
export function rotate(client: Socket, urls: string[]): void {
  let turn = 0;
  client.io.on('reconnect_attempt', () => {
    turn += 1;
    sendTo(client, urls[turn % urls.length] as string);
  });
}

export interface Track {
  /** Texts of the messages of each room, in the order of arrival. */
  texts: Map<string, string[]>;
  /** `socket.recovered` of each connect after the first. */
  recovered: boolean[];
}

export function track(client: Socket): Track {
  const seen: Track = { texts: new Map(), recovered: [] };
  let connects = 0;
  client.on('new_message', ({ roomId, text }: { roomId: string; text: string }) => {
    seen.texts.set(roomId, [...(seen.texts.get(roomId) ?? []), text]);
  });
  client.on('connect', () => {
    if (connects > 0) seen.recovered.push(client.recovered);
    connects += 1;
  });
  return seen;
}

/** A client once it is in the rooms, with what it gets there. */
export async function joined(client: Socket, rooms: string[]) {
  const seen = track(client);
  await connected(client);
  for (const room of rooms) await client.emitWithAck('join_room', room);
  return { client, seen };
}

/** What a simulated client waits between two requests. */
export const think = () => sleep(5);

/** Numbers messages of several rooms without pause; keeps which of them were acknowledged. */
export function startStream(client: Socket, rooms: string[]) {
  const acknowledged = new Map<string, string[]>(rooms.map((room) => [room, []]));
  let sent = 0;
  let running = true;
  const done = (async () => {
    while (running) {
      const room = rooms[sent % rooms.length] as string;
      const text = String(sent).padStart(8, '0');
      sent += 1;
      const request = { roomId: room, text, id: `m${text}` };
      const reply = await client.timeout(5000).emitWithAck('send_message', request).catch(String);
      if (reply.ok) acknowledged.get(room)?.push(text);
      await think();
    }
  })();
  return {
    acknowledged,
    count: () => sent,
    /** Resolves when so many more are acknowledged. */
    async more(count: number) {
      const taken = () => [...acknowledged.values()].flat().length;
      const before = taken();
      await until('messages flow', () => taken() > before + count, 20_000);
    },
    async stop() {
      running = false;
      await done;
      return acknowledged;
    },
  };
}

/** How what arrived differs from what was acknowledged: all zero when nothing is wrong. */
export function judge(seen: Track, acknowledged: Map<string, string[]>, rooms: string[]) {
  const verdict = { lost: 0, duplicated: 0, reordered: 0 };
  for (const room of rooms) {
    const got = seen.texts.get(room) ?? [];
    const known = new Set(got);
    verdict.duplicated += got.length - known.size;
    verdict.lost += (acknowledged.get(room) ?? []).filter((text) => !known.has(text)).length;
    verdict.reordered += got.filter((text, i) => i > 0 && text < (got[i - 1] as string)).length;
  }
  return verdict;
}

export const clean = { lost: 0, duplicated: 0, reordered: 0 };
