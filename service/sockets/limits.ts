// What one client may cost: events per second, unknown events, and bytes it does not read.

import { replyTo } from '../application/handle.ts';
import type { MooringServer, MooringSocket } from '../protocol/identity.ts';
import { refusal } from '../protocol/refusals.ts';
import type { Metrics } from '../telemetry/metrics.ts';

const burstSeconds = 5;
const tellMs = 1_000;
const unreadBytesMax = 4 * 1024 * 1024;

/** Answers events above the rate, or that nobody handles, before any handler runs. */
export function limitEvents(socket: MooringSocket, perSecondMax: number, metrics: Metrics): void {
  const burst = perSecondMax * burstSeconds;
  let tokens = burst;
  let filledAt = Date.now();
  let toldAt = 0;
  socket.use(([event, ...args], next) => {
    const now = Date.now();
    tokens = Math.min(burst, tokens + ((now - filledAt) / 1000) * perSecondMax);
    filledAt = now;
    const own = event === 'error' ? 1 : 0; // Socket.IO's listener, which does nothing
    const handled = socket.listenerCount(event) > own;
    metrics.messageReceived(handled ? event : 'unknown'); // a label is never a client's choice
    const within = tokens >= 1;
    if (within) tokens -= 1;
    if (within && (handled || socket.listenersAny().length > 0)) return next();
    const told = typeof args.at(-1) !== 'function' && !within && now - toldAt < tellMs;
    if (told) return; // an error for each event of a flood would be a flood as well
    toldAt = now;
    replyTo(socket, event, args, metrics)(refusal(within ? 'unknown_event' : 'rate_limited'));
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
      const first = unreadBytes === data.length; // as large as it is, it may be read at once
      if (unreadBytes <= unreadBytesMax || first || connection.readyState !== 'open') return;
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
