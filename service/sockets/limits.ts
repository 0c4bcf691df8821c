// What one client may cost: events per second, unknown events, and bytes it does not read.
import type { Metrics } from '../metrics.ts';
import { type MooringServer, type MooringSocket, refusal } from '../protocol.ts';
import { replyTo } from '../request.ts';

const burstSeconds = 5;
const unreadBytesMax = 4 * 1024 * 1024;

/** Answers events above the rate, or that nobody handles, before any handler runs. */
export function limitEvents(socket: MooringSocket, perSecondMax: number, metrics: Metrics): void {
  const burst = perSecondMax * burstSeconds;
  let tokens = burst;
  let filledAt = Date.now();
  socket.use(([event, ...args], next) => {
    const now = Date.now();
    tokens = Math.min(burst, tokens + ((now - filledAt) / 1000) * perSecondMax);
    filledAt = now;
    const known = socket.listenerCount(event) > 0 || socket.listenersAny().length > 0;
    metrics.messageReceived(known ? event : 'unknown');
    if (tokens >= 1 && known) {
      tokens -= 1;
      return next();
    }
    const code = known ? 'rate_limited' : 'unknown_event';
    replyTo(socket, event, args, metrics)(refusal(code));
  });
}

interface EnginePacket {
  type: string;
  data?: string | Uint8Array;
}

/**
 * Closes a connection whose unread bytes pass the bound: broadcasts to a paused client would
 * otherwise fill the memory. Counts deliveries on the way.
 */
export function closeSlowConsumers(io: MooringServer, metrics: Metrics): void {
  io.engine.on('connection', (connection) => {
    let unreadBytes = 0;
    connection.on('flush', () => {
      unreadBytes = 0; // handed to the transport, which takes the next batch only when it is done
    });
    connection.on('packetCreate', ({ type, data }: EnginePacket) => {
      if (type !== 'message' || data === undefined) return;
      if (isEvent(data)) metrics.messageDelivered();
      unreadBytes += data.length;
      if (unreadBytes <= unreadBytesMax || connection.readyState !== 'open') return;
      metrics.slowConsumerClosed();
      connection.close(true); // without waiting for what the client does not read
      const webSocket = Reflect.get(connection.transport, 'socket');
      webSocket?.terminate();
    });
  });
}

/** Socket.IO's packet types 2 (event) and 5 (binary event), as encoded. */
function isEvent(data: string | Uint8Array): boolean {
  return data[0] === '2' || data[0] === '5';
}
