// Contestant ws: rooms over plain WebSockets, without tokens, Redis, recovery or metrics: the least
// that a server in Node.js can do.
import { createServer } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';

const rooms = new Map<string, Set<WebSocket>>();
const http = createServer((_, response) => response.end());
const server = new WebSocketServer({ server: http, perMessageDeflate: false });

server.on('connection', (socket) => {
  let members = new Set<WebSocket>();
  socket.on('message', (data) => {
    const text = String(data);
    const { join, room } = JSON.parse(text);
    if (join === undefined) {
      for (const member of rooms.get(room) ?? []) member.send(text);
      return;
    }
    members = rooms.get(join) ?? new Set();
    rooms.set(join, members.add(socket));
    socket.send('"joined"');
  });
  socket.on('close', () => members.delete(socket));
});
http.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 4_096 });
