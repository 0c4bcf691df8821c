// Opens the sockets of one signed-in tab and tracks the state of its connection.
import { Manager } from '/socket.io/socket.io.esm.min.js';
import { request } from './request.js';
import { decodeToken } from './token.js';

// `listeners` has `changed()`, `connected()`, `disconnected()`, `refused()`, `log(direction, name)`
// and `events`, the handlers for server events, which are registered before the first connect.
export function openConnection(token, listeners) {
  const manager = new Manager({ autoConnect: false, timeout: 5000, reconnectionDelay: 500 });
  const line = createState(token);
  const auth = (give) => give({ token: line.token });
  const sockets = [manager.socket('/', { auth })];
  if (line.role === 'admin') sockets.push(manager.socket('/admin', { auth }));
  const [socket, admin] = sockets;

  watchManager(manager, line, listeners);
  watchSocket(socket, line, listeners);
  for (const [name, handle] of Object.entries(listeners.events)) socket.on(name, handle);

  const connect = () => {
    line.state = 'connecting';
    listeners.changed();
    for (const each of sockets) each.connect();
  };
  return {
    line,
    connect,
    request: (event, payload) => request(socket, event, payload),
    announce: (text) => request(admin, 'broadcast_announcement', text),
    pods: () => request(admin, 'pods'),
    typing: (roomId) => socket.volatile.emit('typing', { roomId }),
    renew: (next) => renew(socket, line, next, listeners),
    cut: () => manager.engine?.close(),
    disconnect: () => {
      for (const each of sockets.toReversed()) each.disconnect();
    },
    close: () => closeForGood(manager, sockets),
  };
}

function createState(token) {
  const claims = decodeToken(token);
  return {
    token,
    role: claims?.role ?? 'user',
    userId: claims?.sub ?? '',
    expiresAt: claims?.exp === undefined ? undefined : claims.exp * 1000,
    state: 'connecting',
    attempt: 0,
    connects: 0,
    recovered: undefined,
    transport: '',
    pod: '',
    socketId: '',
    lastDisconnect: '',
    refusal: '',
  };
}

function watchManager(manager, line, { changed, log }) {
  manager.on('open', () => {
    line.transport = manager.engine.transport.name;
    manager.engine.on('upgrade', (transport) => {
      line.transport = transport.name;
      log('connection', `upgrade to ${transport.name}`);
      changed();
    });
    changed();
  });
  manager.on('reconnect_attempt', (attempt) => {
    line.attempt = attempt;
    changed();
  });
}

function watchSocket(socket, line, { changed, connected, disconnected, refused, log }) {
  socket.on('connect', () => {
    const first = line.connects === 0;
    Object.assign(line, { state: 'connected', attempt: 0, refusal: '', socketId: socket.id });
    line.connects += 1;
    line.recovered = first ? undefined : socket.recovered === true;
    log('connection', 'connect');
    changed();
  });
  socket.on('disconnect', (reason) => {
    line.state = socket.active ? 'reconnecting' : 'offline';
    line.lastDisconnect = reason;
    log('connection', `disconnect: ${reason}`);
    disconnected();
  });
  socket.on('connect_error', (error) => {
    if (error.data?.code) {
      line.state = 'refused';
      line.refusal = error.message;
      log('connection', `refused: ${error.data.code}`);
      refused(error.message, error.data.code);
    } else {
      line.state = socket.active
        ? line.connects === 0
          ? 'connecting'
          : 'reconnecting'
        : 'offline';
      changed();
    }
  });
  socket.on('welcome', ({ userId, role, pod, expiresAt }) => {
    Object.assign(line, { userId, role, pod, expiresAt });
    connected(); // missed messages arrive between connect and welcome
  });
  socket.onAny((name) => log('in', name));
  socket.onAnyOutgoing((name) => log('out', name));
}

async function renew(socket, line, token, { changed }) {
  const answer = await request(socket, 'refresh_token', token);
  if (answer.ok) {
    line.token = token;
    line.expiresAt = answer.expiresAt ?? decodeToken(token).exp * 1000;
  }
  changed();
  return answer;
}

function closeForGood(manager, sockets) {
  for (const socket of sockets) {
    socket.off();
    socket.offAny();
    socket.disconnect();
  }
  manager.off();
}
