// Several workers behind one port: the primary owns the port, the probes and the graceful shutdown,
// hands each connection to the worker that has its session, and serves no client itself.
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { setupMaster } from '@socket.io/sticky';
import { createLimiter } from '../adapter/session/limiter.ts';
import { listen, problem } from '../api/router.ts';
import type { Config } from '../config/schema.ts';
import { connectionsForDescriptors, reserveDescriptors } from '../sockets/descriptors.ts';
import { createProcessMetrics, sumMetrics, withoutGauges } from '../telemetry/aggregate.ts';
import type { Log } from '../telemetry/log.ts';
import type { Snapshot } from '../telemetry/metrics.ts';
import { closeAnswered } from './handover.ts';
import { startMember } from './member.ts';
import type { Pod } from './pod.ts';

const apiMsMax = 5_000;
const drainMsMargin = 10_000;

const unavailable = problem(503, 'Unavailable', 'No worker answered; try again', {
  retryable: true,
});

export function startPrimary(config: Config, log: Log): Pod {
  // Without advanced serialization sticky's messages silently lose their binary data.
  cluster.setupPrimary({ serialization: 'advanced' });
  const httpServer = createServer().on('connection', closeAnswered);
  reserveDescriptors(httpServer, connectionsForDescriptors(), () => {}); // workers count theirs
  setupMaster(httpServer, { loadBalancingMethod: 'least-connection' });

  const own = createProcessMetrics();
  let exited = Promise.resolve<Snapshot>([]); // so that counters survive the exit of a worker
  const addExited = (last: Snapshot) => {
    exited = exited.then((sum) => sumMetrics([sum, withoutGauges(last)]).snapshot());
  };
  // On less than one core, all starts at once would take so long that none ends in time.
  const takeTurn = createLimiter(availableParallelism());
  const members = Array.from({ length: config.workers }, () =>
    startMember(log, takeTurn, addExited),
  );
  const ready = () => members.filter((member) => member.readiness().ready);
  const logFailure = (error: unknown) =>
    log.error({ err: error }, 'backend API call to worker failed');
  let draining = false;
  let next = 0;

  return {
    listen: () => listen(httpServer, config.port, config.host),
    readiness() {
      const live = members.some((member) => member.readiness().live);
      if (draining) return { ready: false, live, reason: 'draining' };
      if (ready().length > 0) return { ready: true, live };
      return { ...members[0]?.readiness(), ready: false, live };
    },
    async metrics() {
      const workers = await Promise.all(members.map((member) => member.snapshot()));
      return sumMetrics([await own.snapshot(), await exited, ...workers]).text();
    },
    async api(request) {
      next += 1;
      const candidates = ready();
      const member = candidates[next % candidates.length];
      return (await member?.call('api', apiMsMax, request).catch(logFailure)) || unavailable;
    },
    async drain() {
      draining = true;
      const msMax = config.endpointDelayMs + config.drainMsMax + drainMsMargin;
      await Promise.all(members.map((member) => member.drain(msMax)));
    },
    async close() {
      httpServer.close();
      await Promise.all(members.map((member) => member.close()));
    },
  };
}
