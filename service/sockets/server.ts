// The Socket.IO server, with everything that the platform does for an application.
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Server, type ServerOptions } from 'socket.io';
import { privateIdOf } from '../adapter/socketio-internals.ts';
import type { Events } from '../application/register.ts';
import { closeExpired } from '../auth/expiry.ts';
import { renewGrants } from '../auth/grants.ts';
import { createAuthentication, useFirst, type VerifyAuth } from '../auth/namespaces.ts';
import { refreshToken } from '../auth/refresh.ts';
import type { RoomReview } from '../auth/room-review.ts';
import type { Verify } from '../auth/tokens.ts';
import { type AllowsOrigin, createOriginCheck } from '../config/origins.ts';
import type { Config } from '../config/schema.ts';
import { createBound } from '../protocol/bounds.ts';
import type { MooringNamespace, MooringServer, MooringSocket } from '../protocol/identity.ts';
import type { HandshakeRefusal } from '../protocol/refusals.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Trail } from '../telemetry/trail/trail.ts';
import { createAddressLimits } from './addresses.ts';
import { interposeAdmission } from './admission.ts';
import { createDispatch } from './dispatch.ts';
import { guardDynamicNamespaces, guardNamespace } from './handlers.ts';
import { closeSlowConsumers } from './limits.ts';
import { createObserver, observeEngine, observeRooms } from './observation.ts';
import { createSocketTrail, trailRooms } from './trail.ts';
import { paceTransports } from './transports.ts';
import { watchUnauthenticated } from './unauthenticated.ts';

const envelopeBytesMax = 4_096; // lets an oversized message reach the handler, which refuses it
const encodingMax = 6; // JSON may need six bytes, such as `\u0001`, for one
const goodbyeMsMax = 1_000; // live clients answer a close frame at once

type Connection = MooringSocket['conn'] & { openedAt: number };

interface Parts {
  config: Config;
  events: Events;
  adapter: ServerOptions['adapter'];
  verify: Verify;
  roomReview: RoomReview;
  verifyAuth: VerifyAuth;
  /** The reason to refuse handshakes now, if any. */
  refuseHandshake: () => HandshakeRefusal | undefined;
  metrics: Metrics;
  trail: Trail;
  /** Epoch milliseconds by the clock of the stores. */
  now: () => number;
  report: (stage: string, error: unknown, details?: object) => void;
}

export function createSocketServer(httpServer: HttpServer, parts: Parts) {
  const { config, events, metrics, trail, report, roomReview } = parts;
  const io: MooringServer = new Server(httpServer, socketOptions(parts));
  const trailSocket = createSocketTrail(trail);
  paceTransports(io, paceOf(config, metrics));
  const unauthenticated = watchUnauthenticated(io, { config, metrics });

  const authenticate = createAuthentication({
    verifyAuth: parts.verifyAuth,
    unauthenticated,
    connectionsPerUserMax: config.connectionsPerUserMax,
    metrics,
    report,
    accepted: createDispatch({ ...config, events, metrics, report }),
  });
  const observe = createObserver(metrics);
  const prepare = (namespace: MooringNamespace) => {
    useFirst(namespace, authenticate);
    guardNamespace(namespace, report);
    observeRooms(namespace, metrics);
    trailRooms(namespace, trail);
    events.register(namespace, [refreshToken], { verify: parts.verify, ...roomReview });
    // Runs after the adapter's listener, which replays, and before all `connection` listeners.
    namespace.on('connect', (socket: MooringSocket) => {
      observe(socket);
      trailSocket(socket);
      welcome(socket, config.podName);
      // After the application's listeners.
      if (socket.recovered) process.nextTick(() => roomReview.recovered(socket));
    });
  };
  prepare(io.of('/'));
  io.on('new_namespace', prepare);
  guardDynamicNamespaces(io, report);
  io.engine.on('connection', (connection) => {
    Object.assign(connection, { openedAt: performance.now() });
  });
  observeEngine(io.engine, metrics);
  closeSlowConsumers(io, metrics);
  const addresses = createAddressLimits(config);
  addresses.observe(io);
  const refuse = (request: IncomingMessage) => addresses.refuse(request) ?? parts.refuseHandshake();
  interposeAdmission(httpServer, refuse, metrics.connectRefused);
  const expiry = closeExpired(io, parts.now);
  const { roomAccess, roomAccessMsMax: grantMsMax } = config;
  const grants = roomAccess === 'webhook' && renewGrants(io, { ...roomReview, grantMsMax, report });
  const cut = cutter(httpServer);

  return {
    io,
    /** The open Engine.IO connections. */
    connections: (): Connection[] => Object.values(Reflect.get(io.engine, 'clients')),
    unauthenticated,
    async close() {
      unauthenticated.close();
      expiry.close();
      if (grants) grants.close();
      const closed = io.close();
      httpServer.closeAllConnections(); // a connection without a request would keep the server open
      const timer = setTimeout(cut, goodbyeMsMax);
      await closed;
      clearTimeout(timer);
    },
  };
}

function welcome(socket: MooringSocket, pod: string) {
  const { data, recovered } = socket;
  const { user, expiresAt } = data;
  const { id: userId, role } = user;
  const pid = privateIdOf(socket); // some clients do not show the answer to CONNECT
  socket.emit('welcome', { userId, role, pod, expiresAt, recovered, pid });
}

/** How much a connection may send. */
function paceOf(config: Config, metrics: Metrics): Parameters<typeof paceTransports>[1] {
  const packetBytesMax = config.messageBytesMax + envelopeBytesMax;
  return { limits: { ...config, packetBytesMax }, bound: createBound(packetBytesMax), metrics };
}

/**
 * Destroys the open TCP connections: a WebSocket waits 30 s for the close frame of a dead client.
 */
function cutter(httpServer: HttpServer): () => void {
  const open = new Set<Socket>();
  httpServer.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return () => {
    for (const socket of open) socket.destroy();
  };
}

function socketOptions({ config, adapter }: Parts): Partial<ServerOptions> {
  const allows = createOriginCheck(config.corsOrigins);
  return {
    pingInterval: config.pingIntervalMs,
    pingTimeout: config.pingTimeoutMs,
    maxHttpBufferSize: encodingMax * config.messageBytesMax + envelopeBytesMax,
    serveClient: config.page === 'on',
    cleanupEmptyChildNamespaces: true,
    allowRequest: (request, answer) => answer(null, originAllowed(request, allows)),
    adapter,
    ...(config.corsOrigins.length > 0 && {
      cors: {
        origin: (origin, answer) => answer(null, origin !== undefined && allows(origin)),
        credentials: true,
      },
    }),
    ...(config.recoveryMsMax > 0 && {
      connectionStateRecovery: {
        maxDisconnectionDuration: config.recoveryMsMax,
        skipMiddlewares: false,
      },
    }),
  };
}

/** Checks the origin for every transport, because CORS does not cover WebSockets. */
function originAllowed({ headers }: IncomingMessage, allows: AllowsOrigin): boolean {
  const { origin, host } = headers;
  if (!origin || allows(origin)) return true; // only browsers send an origin
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}
