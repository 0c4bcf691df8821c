// Contestant A: the server that most people copy. Socket.IO, @socket.io/redis-adapter, a token
// verified with a string, recovery on, and a route for the backend.
import { createServer, type IncomingMessage } from 'node:http';
import { createClient } from '@redis/client';
import { createAdapter } from '@socket.io/redis-adapter';
import jwt from 'jsonwebtoken';
import { Server } from 'socket.io';

const { PORT, REDIS_URL = '', JWT_SECRET = '', API_KEY } = process.env;
const publisher = await createClient({ url: REDIS_URL }).connect();
const subscriber = await publisher.duplicate().connect();

const http = createServer(async (request, response) => {
  if (request.headers.authorization !== `Bearer ${API_KEY}`) {
    response.writeHead(request.url === '/readyz' ? 200 : 401).end();
    return;
  }
  const { rooms, event, data } = JSON.parse(await bodyOf(request));
  io.to(rooms).emit(event, data);
  response.writeHead(202, { 'Content-Type': 'application/json' }).end('{"ok":true}');
});
const io = new Server(http, {
  adapter: createAdapter(publisher, subscriber),
  connectionStateRecovery: { maxDisconnectionDuration: 120_000, skipMiddlewares: false },
});

io.use((socket, next) => {
  try {
    socket.data.user = jwt.verify(socket.handshake.auth.token, JWT_SECRET);
    next();
  } catch {
    next(new Error('Authentication error'));
  }
});
io.on('connection', (socket) => {
  socket.join(`user:${socket.data.user.sub}`);
  socket.on('join', async (room) => {
    await socket.join(room);
    socket.emit('joined', room);
  });
  socket.on('send', (message) => io.to(message.room).emit('message', message));
});
http.listen({ port: Number(PORT), host: '127.0.0.1', backlog: 4_096 });

function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (text) => {
      body += text;
    });
    request.on('end', () => resolve(body));
  });
}
