// The composition root of one process: stores, Socket.IO, the application, HTTP and lifecycle.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createApi } from './api/api.ts';
import { probes } from './api/operations.ts';
import { logged } from './api/request-log.ts';
import { createHttpServer, createRoutes, listen, listenerOf } from './api/router.ts';
import { pageRoutes, type ReadyMadeToken } from './api/static-files.ts';
import { createHandle } from './application/handle.ts';
import type { Application, Services } from './application/index.ts';
import { createPublish } from './application/publish.ts';
import { createEvents } from './application/register.ts';
import { identifyBy, verifyOnce } from './auth/namespaces.ts';
import { refuseRevoked } from './auth/revocation.ts';
import { createAccess } from './auth/room-access.ts';
import { createRoomReview } from './auth/room-review.ts';
import { createTokenVerifier } from './auth/tokens.ts';
import chat from './chat/chat.ts';
import { apiKeysOf } from './config/credentials.ts';
import { type Config, ConfigError } from './config/schema.ts';
import { followSecrets } from './config/secrets.ts';
import { costOf, keepDeletionCost } from './fleet/deletion-cost.ts';
import { annotatePod } from './fleet/kubernetes.ts';
import { createLifecycle } from './fleet/lifecycle.ts';
import { watchOverload } from './fleet/overload.ts';
import { startSelfProbe } from './fleet/self-probe.ts';
import { runCommands } from './sockets/commands.ts';
import { createShedding } from './sockets/costliest.ts';
import { connectionsForDescriptors, reserveDescriptors } from './sockets/descriptors.ts';
import { createSocketServer } from './sockets/server.ts';
import { followTraces } from './sockets/traces.ts';
import { podsOf } from './stores/fleet.ts';
import { openStores } from './stores/open.ts';
import { createReport, type Report } from './telemetry/errors.ts';
import { withEventLog } from './telemetry/event-log.ts';
import { createLimitedLog, type Log } from './telemetry/log.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { openTracing } from './telemetry/tracing/tracing.ts';
import { createTrail } from './telemetry/trail/trail.ts';

export type App = Awaited<ReturnType<typeof createApp>>; // a Pod, plus what a worker needs

interface Given {
  /** Offered on the sign-in form of the page; for development only. */
  tokens?: ReadyMadeToken[];
  /** `make bench` passes metrics that count nothing, to measure the cost of counting. */
  metrics?: Metrics;
  /** Reads the configuration again, if files hold secrets. */
  reread?: (() => Config) | undefined;
}

export async function createApp(settings: Config, log: Log, given: Given = {}) {
  const connectionsMax = connectionsForDescriptors();
  const config = withDescriptors(settings, connectionsMax, log);
  const { metrics, report, tracing } = observed(config, log, given.metrics);
  const secrets = followSecrets(config, given.reread, {
    changed: (names) => log.info({ names }, 'secrets changed'),
    failed: (error) => report('secrets', error),
  });
  const now = () => stores.now();
  const verify = refuseRevoked(
    createTokenVerifier(secrets.current, metrics.tokenVerified, now),
    (user) => commands.cutoffsOf(user),
    config.jwtClockToleranceMs,
    now,
  );
  const verifyAuth = verifyOnce(verify);
  const trail = createTrail({ log, debug: config.logLevel === 'debug', pod: config.podName, now });
  const access = createAccess(config, report);
  const roomReview = createRoomReview({ ...access, verifyAuth, report });
  const stores = openStores({
    config,
    current: secrets.current,
    identify: identifyBy(
      verifyAuth,
      (connection) => sockets.unauthenticated.admit(connection),
      () => commands.available(),
    ),
    admit: roomReview.admit,
    metrics,
    report,
    trail,
  });
  const { broadcast, history, presence, commands, traces } = stores;
  const ready = () => lifecycle.readiness().ready;
  const httpServer = createPublicServer(config, given.tokens, ready, report);
  reserveDescriptors(httpServer, connectionsMax, () => metrics.connectionClosed('descriptors'));
  const open = {
    connections: () => sockets.connections(),
    count: () => sockets.unauthenticated.authenticated(),
  };
  const common = { config, metrics, log, report, trail };
  const { fleet, isLive } = stores;
  const shed = createShedding(open.connections, () => metrics.connectionClosed('overload'));
  const overload = watchOverload({ ...common, ...open, shed });
  const { isOverloaded } = overload;
  const lifecycle = createLifecycle({ ...common, ...open, fleet, isLive, isOverloaded });
  const events = createEvents();
  const sockets = createSocketServer(httpServer, {
    ...common,
    events,
    adapter: broadcast.adapter,
    verify,
    verifyAuth,
    roomReview,
    now,
    refuseHandshake: lifecycle.refuse,
  });
  const { io } = sockets;
  metrics.observe(config, lifecycle.readiness, sockets.unauthenticated);

  const services: Services = {
    history,
    presence,
    access: access.join,
    onAccessEnded: roomReview.listen,
    publish: createPublish(broadcast),
    register: events.register,
    handle: createHandle(metrics),
    log,
    metrics,
    limits: config,
    recoveryMs: config.recoveryMsMax,
    pods: () => podsOf(lifecycle.replicas()),
  };
  const closeApplication = await (await load(config.application))(io, services);
  const runner = runCommands(io, commands, report);
  const apiKeys = () => apiKeysOf(secrets.current());
  const own = { io, apiKeys, issueCommand: runner.issue, traced: tracing.publishing, traces, now };
  const following = config.trace === 'on' ? followTraces(io, traces, trail, report) : undefined;
  const begun = Promise.all([stores.ready(), runner.started]);
  const background = startBackground({
    ...common,
    after: begun,
    loopback: broadcast.loopback,
    lifecycle,
  });

  return {
    io,
    register: events.register,
    /** Rejects if this process can never work, for example with an unsupported Redis. */
    started: begun.then(lifecycle.running),
    api: logged(
      createApi({ ...config, ...services, ...broadcast, ...lifecycle, ...own }),
      log,
      metrics,
    ),
    metrics: metrics.text,
    snapshot: metrics.snapshot,
    readiness: lifecycle.readiness,
    listen: () => listen(httpServer, config.port, config.host),
    drain: lifecycle.drain,
    /** The order matters: sockets may still write to the stores while they close. */
    async close() {
      background.close();
      overload.close();
      secrets.close();
      await runner.close();
      await lifecycle.close();
      await sockets.close();
      await closeApplication?.();
      await following?.close();
      await stores.close();
      await tracing.close();
    },
  };
}

function observed(config: Config, log: Log, base = createMetrics()) {
  const tell = createLimitedLog(log);
  const metrics = withEventLog(base, log, tell);
  const report = createReport(log, metrics);
  const tracing = openTracing(config, metrics, report);
  return { metrics: tracing.follow(metrics), report, tracing };
}

type Background = Parameters<typeof startSelfProbe>[0] & {
  config: Config;
  lifecycle: ReturnType<typeof createLifecycle>;
};

/** The background loops of a process; they start when it is ready. */
function startBackground({ config, lifecycle, ...parts }: Background): { close(): void } {
  const probe = startSelfProbe(parts);
  if (config.podDeletionCost === 'off') return probe;
  const cost = () => costOf(lifecycle.replicas());
  const kept = keepDeletionCost({ ...parts, cost, annotate: annotatePod(config) });
  return {
    close() {
      kept.close();
      probe.close();
    },
  };
}

/** What the port for clients serves beside Socket.IO. */
function createPublicServer(
  { page, podName }: Config,
  tokens: Given['tokens'],
  ready: () => boolean,
  report: Report,
) {
  const pages = page === 'on' ? pageRoutes(podName, tokens ?? []) : {};
  const handler = createRoutes({ ...pages, ...probes(() => ({ ready: ready() })) });
  return createHttpServer(listenerOf(handler, (error) => report('page', error)));
}

/** Lowers CONNECTIONS_MAX if descriptors are short, so that handshakes get 503 before. */
function withDescriptors(config: Config, descriptors: number, log: Log): Config {
  const connectionsMax = Math.max(1, Math.floor(0.9 * descriptors)); // refusals need some, too
  if (config.connectionsMax <= connectionsMax) return config;
  log.warn({ connectionsMax }, 'too few file descriptors for CONNECTIONS_MAX: raise their limit');
  return { ...config, connectionsMax };
}

async function load(path: string | undefined): Promise<Application> {
  if (!path) return chat;
  const { href } = pathToFileURL(resolve(path));
  const module = await import(href).catch((cause: Error & { url?: string }) => {
    if (cause.url === href) throw new ConfigError(`APPLICATION ${path}: file not found`);
    throw new Error(`APPLICATION ${path}: cannot be loaded`, { cause });
  });
  if (typeof module.default !== 'function') {
    throw new ConfigError(
      `APPLICATION ${path}: the default export must be a function (io, services)`,
    );
  }
  return module.default;
}
