// What one client may cost: events per second, and bytes it does not read.

import { fullBucket, type TokenBucket, takeToken } from '../lib/token-bucket.ts';
import type { ClientEvent } from '../protocol/events.ts';
import type { MooringServer, MooringSocket } from '../protocol/identity.ts';
import type { Metrics } from '../telemetry/metrics.ts';

const notifyMs = 1_000;
const unreadBytesMax = 4 * 1024 * 1024;

/** What a socket has left. Made with its first event: most sockets only listen. */
interface Budget {
  bucket: TokenBucket;
  /** Of the events that have a limit of their own. */
  byEvent?: Map<string, TokenBucket>;
  /** When the socket was last told of a refusal that it asked no acknowledgement for. */
  notifiedAtMs: number;
}

/** @param perSecondMax events of one socket per second */
export function createRateLimit(perSecondMax: number) {
  const budgets = new WeakMap<MooringSocket, Budget>();
  const budgetOf = (socket: MooringSocket, nowMs: number) => {
    const known = budgets.get(socket);
    if (known) return known;
    const budget: Budget = { bucket: fullBucket(perSecondMax, nowMs), notifiedAtMs: -notifyMs };
    budgets.set(socket, budget);
    return budget;
  };
  return {
    /** Whether the socket may send one more event now; every one counts. */
    allows(socket: MooringSocket): boolean {
      const nowMs = performance.now();
      return takeToken(budgetOf(socket, nowMs).bucket, perSecondMax, nowMs);
    },
    /** Whether the event's own limit, if it has one, allows it. */
    allowsEvent(socket: MooringSocket, { name, perSecondMax: max }: ClientEvent): boolean {
      if (max === undefined) return true;
      const nowMs = performance.now();
      const budget = budgetOf(socket, nowMs);
      budget.byEvent ??= new Map();
      const bucket = budget.byEvent.get(name) ?? fullBucket(max, nowMs);
      budget.byEvent.set(name, bucket);
      return takeToken(bucket, max, nowMs);
    },
    /** Whether to tell the socket now: an error for each event of a flood is a flood as well. */
    notifies(socket: MooringSocket): boolean {
      const nowMs = performance.now();
      const budget = budgetOf(socket, nowMs);
      if (nowMs - budget.notifiedAtMs < notifyMs) return false;
      budget.notifiedAtMs = nowMs;
      return true;
    },
  };
}

interface EnginePacket {
  type: string;
  data?: string | Uint8Array;
}

type Connection = MooringSocket['conn'] & { unreadBytes: number };

/**
 * Closes a connection whose unread bytes pass the bound: broadcasts to a paused client would
 * otherwise fill the memory. Counts deliveries on the way.
 */
export function closeSlowConsumers(io: MooringServer, metrics: Metrics): void {
  function flushed(this: Connection) {
    this.unreadBytes = 0; // handed to the transport, which takes the next batch when it is done
  }
  function created(this: Connection, { type, data }: EnginePacket) {
    if (type !== 'message' || data === undefined) return;
    if (isEvent(data)) metrics.messageDelivered();
    this.unreadBytes += data.length;
    const first = this.unreadBytes === data.length; // as large as it is, it may be read at once
    if (this.unreadBytes <= unreadBytesMax || first || this.readyState !== 'open') return;
    metrics.slowConsumerClosed();
    this.close(true); // without waiting for what the client does not read
    const webSocket = Reflect.get(this.transport, 'socket');
    webSocket?.terminate();
  }
  io.engine.on('connection', (connection) => {
    Object.assign(connection, { unreadBytes: 0 });
    connection.on('flush', flushed);
    connection.on('packetCreate', created);
  });
}

/** Socket.IO's packet types 2 (event) and 5 (binary event), as encoded. */
function isEvent(data: string | Uint8Array): boolean {
  return data[0] === '2' || data[0] === '5';
}
