// Connections that have not authenticated yet. They have a budget of their own, in number and time,
// so that they cannot take the slots of clients. If there are too many, the oldest make room:
// a client authenticates at once, and does not compete with those who only wait.
import type { WebSocket } from 'ws';
import type { MooringServer, MooringSocket } from '../protocol/identity.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** An Engine.IO connection, with its transport's private bounds. */
export type Connection = MooringSocket['conn'];
interface PollingTransport {
  name: 'polling';
  maxHttpBufferSize: number;
  /** How long a closed transport waits for a request that it can answer with the close packet. */
  closeTimeout: number;
  /** Ends that wait. */
  shouldClose?: (() => void) | null;
}
interface WebSocketTransport {
  name: 'websocket';
  socket: WebSocket & { _receiver?: { _maxPayload: number } };
}

const sweepMs = 500;
const bytesMax = 32 * 1024; // a packet or body: CONNECT with a token and 4 KiB beside it
const pollMsMax = 5_000; // until the next request of a polling client that is still there

interface Parts {
  config: { unauthenticatedMax: number; unauthenticatedMsMax: number; connectionsMax: number };
  metrics: Pick<Metrics, 'unauthenticatedClosed' | 'connectRefused'>;
}

export type Unauthenticated = ReturnType<typeof watchUnauthenticated>;

export function watchUnauthenticated(io: MooringServer, { config, metrics }: Parts) {
  const { unauthenticatedMax, unauthenticatedMsMax, connectionsMax } = config;
  const { maxHttpBufferSize: messageBytesMax = 0 } = io.engine.opts;
  /** The oldest first, with the time since when. */
  const waiting = new Map<Connection, number>();
  const authenticated = () => io.engine.clientsCount - waiting.size;

  const close = (connection: Connection, reason: 'timeout' | 'evicted') => {
    metrics.unauthenticatedClosed(reason);
    discard(connection);
  };
  const wait = (connection: Connection) => {
    waiting.delete(connection);
    waiting.set(connection, performance.now());
    const [oldest] = waiting.keys();
    if (oldest && waiting.size > unauthenticatedMax) close(oldest, 'evicted');
  };
  function closed(this: Connection) {
    waiting.delete(this);
  }
  function upgraded(this: Connection) {
    if (!waiting.has(this)) setBytesMax(this, messageBytesMax);
  }
  io.engine.on('connection', (connection: Connection) => {
    const transport = transportOf(connection);
    if (transport.name === 'polling') transport.closeTimeout = pollMsMax;
    setBytesMax(connection, bytesMax);
    connection.setMaxListeners(0); // each namespace adds some
    connection.on('close', closed);
    if (transport.name === 'polling') connection.on('upgrade', upgraded);
    wait(connection);
  });
  const timer = setInterval(() => {
    const before = performance.now() - unauthenticatedMsMax;
    for (const [connection, since] of waiting) {
      if (since > before) break;
      close(connection, 'timeout');
    }
  }, sweepMs);

  return {
    /** How many connections have authenticated. */
    authenticated,
    waiting: () => waiting.size,
    /** Gives an authenticated connection a slot. Without a free one, it is closed, to try again. */
    admit(connection: Connection): boolean {
      if (!waiting.has(connection)) return true;
      if (connection.readyState !== 'open') return false;
      if (authenticated() >= connectionsMax) {
        metrics.connectRefused('over_capacity');
        connection.close();
        return false;
      }
      waiting.delete(connection);
      setBytesMax(connection, messageBytesMax);
      return true;
    },
    /** Without namespaces it has no token that could expire: it is unauthenticated again. */
    left(connection: Connection) {
      if (connection.readyState === 'open') wait(connection);
    },
    close: () => clearInterval(timer),
  };
}

const transportOf = (connection: Connection) =>
  connection.transport as unknown as PollingTransport | WebSocketTransport;

function setBytesMax(connection: Connection, max: number): void {
  const transport = transportOf(connection);
  if (transport.name === 'polling') transport.maxHttpBufferSize = max;
  else if (transport.socket._receiver) transport.socket._receiver._maxPayload = max;
}

/** Closes now what would wait for a peer that may not answer. */
export function discard(connection: Connection): void {
  connection.close(true);
  const transport = transportOf(connection);
  if (transport.name === 'websocket') transport.socket.terminate();
  else transport.shouldClose?.();
}
