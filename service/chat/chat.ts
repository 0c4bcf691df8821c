// The built-in application: rooms, messages, typing, history and announcements.
import type { Application, Services } from '../application/index.ts';
import { createQuotaByKey } from '../lib/quota-by-key.ts';
import type { ClientEvent } from '../protocol/events.ts';
import type { MooringServer } from '../protocol/identity.ts';
import { announce } from './announcements.ts';
import { readHistory, sendMessage } from './messages.ts';
import { listPods } from './pods.ts';
import { announceChanges, listMembers, setPresence } from './presence.ts';
import { createRooms, joinRoom, leaveRoom, notifyTyping, type Rooms } from './rooms.ts';

/** What the handlers receive. Each declares the few things it needs. */
type Chat = Services & {
  io: MooringServer;
  rooms: Rooms;
  takeBytes(userId: string, bytes: number): boolean;
};

const hourMs = 3_600_000;

/** Every event of the built-in application, by namespace. */
export const chatEvents: Record<'/' | '/admin', ClientEvent<Chat>[]> = {
  '/': [joinRoom, leaveRoom, sendMessage, notifyTyping, readHistory, setPresence, listMembers],
  '/admin': [announce, listPods],
};

const chat: Application = (io, services) => {
  const rooms = createRooms(services);
  announceChanges(io, services);
  const takeBytes = createQuotaByKey(services.limits.messageBytesPerUserMax, hourMs);
  const parts = { ...services, io, rooms, takeBytes };
  services.register(io, chatEvents['/'], parts);
  services.register(io.of('/admin'), chatEvents['/admin'], parts);
  return undefined;
};

export default chat;
