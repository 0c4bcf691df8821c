// The life of a process: readiness, admission of handshakes, moving connections to peers, and the
// drain at shutdown.
import { randomUUID } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import type { HandshakeRefusal } from '../protocol/refusals.ts';
import type { Fleet } from '../stores/fleet.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { operationsAddress, watchBehind } from './behind.ts';
import { type Connection, closePaced, drain } from './drain.ts';
import { joinFleet } from './membership.ts';
import {
  type RebalanceDecision,
  type RebalanceSettings,
  refusalOf,
  type Situation,
} from './rebalance.ts';
import { createStorm } from './storm.ts';

const movedMsMin = 30_000; // a connection that was just moved is not moved again

interface Parts {
  config: Config;
  fleet: Fleet;
  /** The open connections; called only after the start. */
  connections(): Connection[];
  /** The number of open connections; called on every handshake. */
  count(): number;
  /** Whether this process receives messages. */
  isLive(): boolean;
  isOverloaded(): boolean;
  metrics: Metrics;
  log: Log;
  report(stage: string, error: unknown): void;
}

export interface Readiness {
  ready: boolean;
  /** Whether it receives messages. */
  live: boolean;
  reason?: Extract<HandshakeRefusal, 'starting' | 'draining' | 'over_capacity' | 'behind'>;
  /** While draining: how many are left. */
  connections?: number;
}

export function createLifecycle(parts: Parts) {
  const { config, fleet, connections, count, isLive, isOverloaded, log, report } = parts;
  let phase: Situation['phase'] = 'starting';
  let closing = false;
  let runningSince = performance.now();
  const own = identityOf(config);
  const full = () => count() >= config.connectionsMax;
  const readiness = (): Readiness => {
    const live = isLive();
    const reason = unreadyReason(phase, behind.isBehind(), full());
    if (reason === 'draining') return { ready: false, live, reason, connections: count() };
    return reason ? { ready: false, live, reason } : { ready: true, live };
  };
  const membership = joinFleet({
    fleet,
    settings: settingsOf(config),
    heartbeat: () => ({
      ...own,
      ready: readiness().ready && !isOverloaded(), // peers shall send no clients here
      readyMs: phase === 'running' ? Math.floor(performance.now() - runningSince) : 0,
      draining: phase === 'draining',
      live: isLive(),
      connections: phase === 'starting' ? 0 : count(),
      handshakes: storm.perSecond(),
    }),
    apply: createMover(config, connections, () => phase === 'running', log),
    onError: (error) => report('fleet', error),
  });
  const changed = (isBehind: boolean) => {
    if (isBehind) void moveAway(parts, () => behind.isBehind() && phase === 'running');
    else runningSince = performance.now(); // proxies have to notice that it is ready again
  };
  const behind = watchBehind({ ...config, isLive, peers: membership.peers, changed });
  const storm = createStorm(config.handshakesPerSecondMax, () => void membership.exchange());
  return {
    readiness,
    /** Marks the start as complete: clients are accepted from now on. */
    running() {
      if (phase !== 'starting') return;
      phase = 'running';
      runningSince = performance.now();
    },
    /** The reason to refuse a handshake now, or `undefined` to accept it. */
    refuse(): HandshakeRefusal | undefined {
      const peers = config.redisUrl ? membership.eligiblePeers() : undefined;
      return refusalOf({
        phase,
        closing,
        full: full(),
        overloaded: isOverloaded(),
        behind: behind.isBehind(),
        elsewhere: peers && peers.eligible.length > 0,
        rebalance: membership.decision().refuse,
        storm: storm.exceeds(peers),
      });
    },
    replicas: membership.replicas,
    async drain() {
      phase = 'draining';
      void membership.exchange();
      await drainAll(parts, () => {
        closing = true;
      });
    },
    close() {
      behind.close();
      return membership.leave();
    },
  };
}

const settingsOf = ({ settleMs, rebalance, yieldToNewer }: Config): RebalanceSettings => ({
  settleMs,
  rebalance: rebalance === 'on',
  yields: yieldToNewer === 'on',
});

function unreadyReason(phase: Situation['phase'], behind: boolean, full: boolean) {
  if (phase !== 'running') return phase;
  if (behind) return 'behind';
  return full ? 'over_capacity' : undefined;
}

async function drainAll(parts: Parts, onClosing: () => void) {
  const { config, connections, count, metrics, log } = parts;
  const startedAt = performance.now();
  metrics.draining(true);
  log.info({ connections: count() }, 'draining');
  await drain({ ...config, connections, onClosing });
  log.info(
    { connections: count(), durationMs: Math.round(performance.now() - startedAt) },
    'drained',
  );
}

/** Closes all connections of a process that is behind: a peer recovers their clients. */
async function moveAway({ config, connections, count, log }: Parts, wanted: () => boolean) {
  log.warn({ connections: count() }, 'behind: moving clients to other replicas');
  await drain({ ...config, connections, wanted });
  log.info({ connections: count() }, wanted() ? 'behind: clients moved' : 'not behind');
}

/** How peers identify this process. */
function identityOf(config: Config) {
  const { podName: pod, release, workers, port } = config;
  const id = randomUUID();
  const upstream = workers > 1 ? `${pod} ${port} ${process.ppid}` : id;
  return { id, pod, release, upstream, operations: operationsAddress(config) };
}

/** Moves connections to peers by closing them: their clients reconnect there. */
function createMover(
  { drainMsMax }: Config,
  connections: () => Connection[],
  running: () => boolean,
  log: Log,
) {
  let leaving: Promise<void> | undefined;
  let yields = false;
  return ({ refuse, close }: RebalanceDecision) => {
    yields = refuse === 'yielding';
    if (!running() || close === 0 || leaving) return;
    if (close < Infinity) {
      const old = connections().filter(({ openedAt }) => performance.now() - openedAt > movedMsMin);
      void closePaced(old.slice(0, close), 1_000);
    } else if (connections().length > 0) {
      log.info({ connections: connections().length }, 'yielding to a newer release');
      const wanted = () => yields; // stops if the newer release fails
      leaving = drain({ connections, drainMsMax, endpointDelayMs: 0, wanted }).finally(() => {
        leaving = undefined;
      });
    }
  };
}
