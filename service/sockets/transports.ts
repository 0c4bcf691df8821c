// Reads from connections at a bounded rate. Everything is counted before it is parsed. Who sends
// too fast is not read for a while: TCP, or the answer that polling clients wait for, slows the
// client down. All transports of a server share the methods.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { WebSocket } from 'ws';
import { method } from '../adapter/socketio-internals.ts';
import type { MooringServer } from '../protocol/identity.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { charge, createTurns, type Flow, type FlowLimits, isPaid, openFlow } from './flow.ts';

const pumpMs = 20;
const goodbyeMsMax = 1_000;
const closeCodes = { flood: 1008, large: 1009 } as const;
const separator = '\x1e';

interface Packet {
  type: string;
  data?: string | Buffer;
}

/** What a transport of Engine.IO 6.6 has, and what is added here. */
interface Transport {
  name: string;
  readyState: string;
  flow: Flow;
  /** Packets that wait for the next turn of the event loop. */
  inbox?: Packet[] | undefined;
  hasEnded?: boolean;
  /** Engine.IO's own `onPacket`. */
  passOn(packet: Packet): void;
  onClose(): void;
  onError(message: string): void;
  /** Reads nothing more, and then again. */
  pauseReading(): void;
  resumeReading(): void;
  end(code: number): void;
}

interface WebSocketTransport extends Transport {
  socket: WebSocket;
}

interface PollingTransport extends Transport {
  maxHttpBufferSize: number;
  parser: { decodePayload(text: string): Packet[] };
  isPaused?: boolean;
  onBody(body: Buffer): void;
  dataReq: IncomingMessage | null;
  dataRes: ServerResponse | null;
  headers(request: IncomingMessage, headers: object): Record<string, string>;
}

interface Parts {
  limits: FlowLimits;
  bound: (text: string) => string;
  metrics: Pick<Metrics, 'flowLimited'>;
}

/** Paces all transports of a server that are created from now on. */
export function paceTransports({ engine }: MooringServer, parts: Parts): void {
  const { count, receive } = createReader(parts);
  const owners = new WeakMap<WebSocket, Transport>();
  /** Counts pings and pongs of the WebSocket protocol, which `ws` answers. */
  function control(this: WebSocket, data: Buffer) {
    const transport = owners.get(this);
    if (transport) count(transport, 1, data.length);
  }
  const methods = {
    websocket: {
      ...webSocketMethods,
      onPacket(this: WebSocketTransport, packet: Packet) {
        if (count(this, 1, bytesOf(packet))) receive(this, packet);
      },
    },
    polling: {
      ...pollingMethods,
      onBody(this: PollingTransport, body: Buffer) {
        const text = body.toString();
        if (!count(this, packetsIn(text), body.length)) return;
        for (const packet of this.parser.decodePayload(text)) receive(this, packet);
      },
    },
  };
  const prototypes = new Map<string, object>();
  const create = method(engine, 'createTransport').bind(engine);
  Reflect.set(engine, 'createTransport', (name: keyof typeof methods, request: unknown) => {
    const transport = create(name, request) as Transport;
    const prototype = prototypes.get(name) ?? extend(transport, methods[name]);
    prototypes.set(name, prototype);
    Object.setPrototypeOf(transport, prototype);
    transport.flow = openFlow(parts.limits, performance.now());
    if (name === 'websocket') {
      const { socket } = transport as WebSocketTransport;
      owners.set(socket, transport);
      socket.on('ping', control).on('pong', control);
    }
    return transport;
  });
}

/** Counts what comes, and hands it on as fast as it may come. */
function createReader({ limits, bound, metrics }: Parts) {
  const queue = createQueue(createTurns().allow, limits, (transport, packet) => {
    const { type, data } = packet;
    if (type === 'close' && transport.name === 'polling') return transport.onClose();
    if (type === 'message' && typeof data === 'string') packet.data = bound(data);
    transport.passOn(packet);
  });
  return {
    /** Returns whether the packets may be handled. */
    count(transport: Transport, packets: number, bytes: number): boolean {
      if (transport.hasEnded) return false;
      const { flow } = transport;
      const wasOver = flow.overSinceMs > 0;
      const outcome = charge(flow, limits, { packets, bytes }, performance.now());
      if (outcome === 'close') {
        metrics.flowLimited('closed');
        end(transport, closeCodes.flood);
        return false;
      }
      if (outcome === 'pause') {
        if (!wasOver) metrics.flowLimited('paused');
        queue.hold(transport);
      }
      return true;
    },
    receive(transport: Transport, packet: Packet) {
      if (transport.hasEnded) return;
      const { data } = packet;
      const isTooLarge = typeof data === 'object' && data.length > limits.packetBytesMax;
      if (isTooLarge) end(transport, closeCodes.large);
      else queue.handle(transport, packet);
    },
  };
}

function extend(transport: Transport, methods: object): object {
  const base = Object.getPrototypeOf(transport);
  const passOn = method(base, 'onPacket');
  return Object.assign(Object.create(base), { passOn }, methods);
}

/** Holds the connections that are not read now, and their packets for the next turns. */
function createQueue(
  allow: (flow: Flow, bytes: number) => boolean,
  limits: FlowLimits,
  deliver: (transport: Transport, packet: Packet) => void,
) {
  const held = new Set<Transport>();
  let turn: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;

  function hold(transport: Transport): boolean {
    if (held.has(transport)) return false;
    held.add(transport);
    transport.pauseReading();
    schedule();
    return true;
  }
  function schedule() {
    const isFull = held.values().some(({ inbox }) => inbox !== undefined);
    if (isFull) turn ??= setImmediate(pump);
    else if (held.size > 0) timer ??= setTimeout(pump, pumpMs);
  }
  function pump() {
    clearImmediate(turn);
    clearTimeout(timer);
    turn = undefined;
    timer = undefined;
    const nowMs = performance.now();
    for (const transport of held) {
      takeTurn(transport);
      const isOver = transport.readyState === 'closed' || transport.hasEnded;
      if (!isOver && (transport.inbox || !isPaid(transport.flow, limits, nowMs))) continue;
      held.delete(transport);
      transport.inbox = undefined;
      if (!isOver) transport.resumeReading();
    }
    schedule();
  }
  function takeTurn(transport: Transport) {
    const { inbox, flow } = transport;
    if (!inbox) return;
    const rest = inbox.findIndex((packet) => {
      if (!allow(flow, bytesOf(packet))) return true;
      deliver(transport, packet);
      return false;
    });
    transport.inbox = rest === -1 ? undefined : inbox.slice(rest);
  }
  return {
    /** Reads nothing from it until it owes nothing. Returns false if it is held already. */
    hold,
    handle(transport: Transport, packet: Packet) {
      if (!transport.inbox && allow(transport.flow, bytesOf(packet)))
        return deliver(transport, packet);
      transport.inbox ??= [];
      transport.inbox.push(packet);
      if (!hold(transport)) schedule();
    },
  };
}

function end(transport: Transport, code: number): void {
  if (transport.hasEnded) return;
  transport.hasEnded = true;
  transport.inbox = undefined;
  transport.end(code);
}

const webSocketMethods = {
  pauseReading(this: WebSocketTransport) {
    this.socket.pause();
  },
  resumeReading(this: WebSocketTransport) {
    this.socket.resume();
  },
  end(this: WebSocketTransport, code: number) {
    const { socket } = this;
    socket.close(code, code === closeCodes.flood ? 'rate_limited' : 'too large');
    setTimeout(() => socket.terminate(), goodbyeMsMax).unref();
    this.onClose();
  },
};

const pollingMethods = {
  pauseReading(this: PollingTransport) {
    this.isPaused = true;
  },
  /** Clients send the next request when this one is answered. */
  resumeReading(this: PollingTransport) {
    this.isPaused = false;
    const { dataReq: request, dataRes: response } = this;
    if (!request?.complete || !response) return;
    this.dataReq = null;
    this.dataRes = null;
    // HTML spares some browsers a download dialog.
    const headers = { 'Content-Type': 'text/html', 'Content-Length': '2' };
    response.writeHead(200, this.headers(request, headers));
    response.end('ok');
  },
  end(this: PollingTransport, code: number) {
    const response = this.dataRes;
    this.dataReq = null;
    this.dataRes = null;
    if (response) refuse(response, code === closeCodes.flood ? 429 : 413);
    this.onError('too much');
  },
  /** Does what Engine.IO does, but answers when the packets are handled. */
  onDataRequest(this: PollingTransport, request: IncomingMessage, response: ServerResponse) {
    const isBinary = request.headers['content-type'] === 'application/octet-stream';
    if (this.dataReq || isBinary) {
      this.onError(isBinary ? 'invalid content' : 'data request overlap from client');
      return refuse(response, 400);
    }
    this.dataReq = request;
    this.dataRes = response;
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= this.maxHttpBufferSize) chunks.push(chunk);
      else if (this.dataReq === request) {
        this.dataReq = null;
        this.dataRes = null;
        refuse(response, 413);
      }
    });
    request.on('end', () => {
      if (this.dataReq !== request) return;
      this.onBody(Buffer.concat(chunks));
      if (!this.isPaused) this.resumeReading();
    });
    response.on('close', () => {
      if (this.dataReq !== request) return;
      this.dataReq = null;
      this.dataRes = null;
      this.onError('data request connection closed prematurely');
    });
  },
};

/** Closes the connection, too: the rest of the body is not read. */
function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { Connection: 'close' }).end();
}

/** How many packets a body has, without splitting it. */
function packetsIn(text: string): number {
  let count = 1;
  for (let at = text.indexOf(separator); at !== -1; at = text.indexOf(separator, at + 1)) {
    count += 1;
  }
  return count;
}

const bytesOf = ({ data = '' }: Packet) =>
  typeof data === 'string' ? Buffer.byteLength(data) : data.length;
