// The built-in application: rooms, messages, typing, history and announcements.
import type { Application } from '../application/index.ts';
import { payloads } from '../protocol/events.ts';
import { announce } from './announcements.ts';
import { readHistory, sendMessage } from './messages.ts';
import { createRooms } from './rooms.ts';

const chat: Application = (io, services) => {
  const rooms = createRooms(io, services);
  const { handle } = services;

  io.on('connection', (socket) => {
    handle(socket, 'join_room', payloads.join_room, rooms.join(socket));
    handle(socket, 'leave_room', payloads.leave_room, rooms.leave(socket));
    handle(socket, 'send_message', payloads.send_message, sendMessage(io, socket, services));
    handle(socket, 'typing', payloads.typing, rooms.typing(socket));
    handle(socket, 'history', payloads.history, readHistory(socket, services));
    socket.on('disconnecting', (reason) => rooms.disconnected(socket, reason));
    if (socket.recovered) rooms.recovered(socket);
  });

  io.of('/admin').on('connection', (socket) => {
    const payload = payloads.broadcast_announcement;
    handle(socket, 'broadcast_announcement', payload, announce(io, services));
    handle(socket, 'pods', payloads.pods, (_, reply) => reply({ ok: true, pods: services.pods() }));
  });

  return rooms.close;
};

export default chat;
