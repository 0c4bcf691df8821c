// A process from its start to its end: whether it is ready, whether it takes a handshake, and how
// its connections leave it.
import { randomUUID } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import type { HandshakeRefusal } from '../protocol/refusals.ts';
import type { Fleet } from '../stores/fleet.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type Connection, closePaced, drain } from './drain.ts';
import { joinFleet } from './membership.ts';
import { refusalOf, type Situation, type Steering } from './rebalance.ts';
import { createStorm } from './storm.ts';

const movedMsMin = 30_000; // a connection that was moved is not moved again at once

interface Parts {
  config: Config;
  fleet: Fleet;
  /** The open connections; asked only after the start. */
  connections(): Connection[];
  /** How many; asked at every handshake. */
  count(): number;
  metrics: Metrics;
  log: Log;
  report(stage: string, error: unknown): void;
}

export interface Readiness {
  ready: boolean;
  reason?: Extract<HandshakeRefusal, 'starting' | 'draining' | 'over_capacity'>;
  /** While draining: those that are left. */
  connections?: number;
}

export function createLifecycle(parts: Parts) {
  const { config, fleet, connections, count, metrics, log, report } = parts;
  const identity = identityOf(config);
  let phase: Situation['phase'] = 'starting';
  let closing = false;
  let runningSince = Date.now();

  const full = () => count() >= config.connectionsMax;
  const readiness = (): Readiness => {
    if (phase === 'draining') return { ready: false, reason: phase, connections: count() };
    if (phase === 'starting') return { ready: false, reason: phase };
    return full() ? { ready: false, reason: 'over_capacity' } : { ready: true };
  };
  const membership = joinFleet({
    fleet,
    settings: { settleMs: config.settleMs, rebalance: config.rebalance === 'on' },
    say: () => ({
      ...identity,
      ready: readiness().ready,
      readyMs: phase === 'running' ? Date.now() - runningSince : 0,
      draining: phase === 'draining',
      connections: phase === 'starting' ? 0 : count(),
      handshakes: storm.perSecond(),
    }),
    act: createMover(config, connections, () => phase === 'running', log),
    failed: (error) => report('fleet', error),
  });
  const storm = createStorm(config.handshakesPerSecondMax, () => void membership.hear());

  return {
    readiness,
    /** From now on clients are served. */
    running() {
      if (phase !== 'starting') return;
      phase = 'running';
      runningSince = Date.now();
    },
    /** Why a handshake that has arrived now is refused, if so. */
    refuse(): HandshakeRefusal | undefined {
      const heard = config.redisUrl ? membership.takers() : undefined;
      const elsewhere = heard && heard.takers.length > 0;
      const steers = { steering: membership.steering().refuse, storm: storm.sendsOn(heard) };
      return refusalOf({ phase, closing, full: full(), elsewhere, ...steers });
    },
    replicas: membership.replicas,
    async drain() {
      phase = 'draining';
      const startedAt = Date.now();
      metrics.draining(true);
      log.info({ connections: count() }, 'draining');
      void membership.hear();
      const closes = () => {
        closing = true;
      };
      await drain({ ...config, connections, closing: closes });
      log.info({ connections: count(), ms: Date.now() - startedAt }, 'drained');
    },
    close: membership.leave,
  };
}

/** What the others know this process by. */
function identityOf({ podName: pod, release, workers, port }: Config) {
  const id = randomUUID();
  return { id, pod, release, upstream: workers > 1 ? `${pod} ${port} ${process.ppid}` : id };
}

/** Moves connections to other processes by closing them: their clients come back elsewhere. */
function createMover(
  { drainMsMax }: Config,
  connections: () => Connection[],
  running: () => boolean,
  log: Log,
) {
  let leaving: Promise<void> | undefined;
  let yields = false;
  return ({ refuse, close }: Steering) => {
    yields = refuse === 'yielding';
    if (!running() || close === 0 || leaving) return;
    if (close < Infinity) {
      const old = connections().filter(({ openedAt }) => Date.now() - openedAt > movedMsMin);
      void closePaced(old.slice(0, close), 1_000);
    } else if (connections().length > 0) {
      log.info({ connections: connections().length }, 'yielding to a newer release');
      const wanted = () => yields; // a newer release that fails gives the clients back
      leaving = drain({ connections, drainMsMax, endpointDelayMs: 0, wanted }).finally(() => {
        leaving = undefined;
      });
    }
  };
}
