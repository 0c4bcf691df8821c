// Log lines for what the metrics only count: at most one per second of each kind. The trail has
// single sockets and messages.
import type { createLimitedLog, Log } from './log.ts';
import type { Metrics } from './metrics.ts';

type Tell = ReturnType<typeof createLimitedLog>;

/** Wraps `metrics`, so that what they count is also logged. */
export function withEventLog(metrics: Metrics, log: Log, tell: Tell): Metrics {
  let up: boolean | undefined;
  return {
    ...metrics,
    connectRefused(code, who) {
      metrics.connectRefused(code);
      tell('info', `connect ${code}`, { ...who, code }, 'connect refused');
    },
    engineRefused(code) {
      metrics.engineRefused(code);
      tell('info', `engine ${code}`, { code }, 'request refused by Engine.IO');
    },
    requestRefused(code, who) {
      metrics.requestRefused(code);
      tell('info', `request ${code}`, { ...who, code }, 'request refused');
    },
    recoveryEnded(result) {
      metrics.recoveryEnded(result);
      if (result !== 'recovered') tell('info', `recovery ${result}`, { result }, 'recovery ended');
    },
    unauthenticatedClosed(reason) {
      metrics.unauthenticatedClosed(reason);
      tell('info', `unauthenticated ${reason}`, { reason }, 'unauthenticated connection closed');
    },
    connectionClosed(cause) {
      metrics.connectionClosed(cause);
      tell('warn', `closed ${cause}`, { cause }, 'connection closed to protect this replica');
    },
    flowLimited(action) {
      metrics.flowLimited(action);
      tell('warn', `flow ${action}`, { action }, 'connection sends too fast');
    },
    slowConsumerClosed() {
      metrics.slowConsumerClosed();
      tell('warn', 'slow', {}, 'slow consumer closed');
    },
    redisUp(now) {
      metrics.redisUp(now);
      if (now !== up && up !== undefined)
        log[now ? 'info' : 'warn'](now ? 'redis up' : 'redis down');
      up = now;
    },
  };
}
