// Limits per client: events per second, and unread bytes.
import { fullBucket, type TokenBucket, takeToken } from '../lib/token-bucket.ts';
import type { ClientEvent } from '../protocol/events.ts';
import type { MooringServer, MooringSocket } from '../protocol/identity.ts';
import type { Metrics } from '../telemetry/metrics.ts';

const notifyMs = 1_000;
const unreadBytesMax = 4 * 1024 * 1024;

/** The remaining budget of a socket. Allocated on its first event: most sockets only listen. */
interface Budget {
  bucket: TokenBucket;
  /** Buckets of the events that have their own limit. */
  byEvent?: Map<string, TokenBucket>;
  /** When the socket last received an `error` event for exceeding the limit. */
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
    /** Takes a token for one event and returns whether there was one. */
    allows(socket: MooringSocket): boolean {
      const nowMs = performance.now();
      return takeToken(budgetOf(socket, nowMs).bucket, perSecondMax, nowMs);
    },
    /** The same for the event's own limit, if it has one. */
    allowsEvent(socket: MooringSocket, { name, perSecondMax: max }: ClientEvent): boolean {
      if (max === undefined) return true;
      const nowMs = performance.now();
      const budget = budgetOf(socket, nowMs);
      budget.byEvent ??= new Map();
      const bucket = budget.byEvent.get(name) ?? fullBucket(max, nowMs);
      budget.byEvent.set(name, bucket);
      return takeToken(bucket, max, nowMs);
    },
    /**
     * Whether to send an `error` event now. Sending one for each event of a flood would be a flood.
     */
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
 * Closes connections with too many unread bytes: broadcasts to a paused client would otherwise fill
 * the memory. Also counts deliveries.
 */
export function closeSlowConsumers(io: MooringServer, metrics: Metrics): void {
  function flushed(this: Connection) {
    this.unreadBytes = 0; // the transport has the batch; it takes the next one when done
  }
  function created(this: Connection, { type, data }: EnginePacket) {
    if (type !== 'message' || data === undefined) return;
    if (isEvent(data)) metrics.messageDelivered();
    this.unreadBytes += data.length;
    const first = this.unreadBytes === data.length; // a single large packet is allowed
    if (this.unreadBytes <= unreadBytesMax || first || this.readyState !== 'open') return;
    metrics.slowConsumerClosed();
    this.close(true); // discards unread packets
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
