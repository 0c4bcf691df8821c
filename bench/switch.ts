// Metrics that can be switched off, to compare both sides in one process: two processes of the same
// program differ by more than the cost of counting.
import type { Metrics } from '../service/telemetry/metrics.ts';

export function switchable(metrics: Metrics) {
  let counts = true;
  // Each method of the fan-out has its own call site, as in the service: V8 does not inline a
  // megamorphic call.
  const switched: Metrics = {
    ...metrics,
    messagePublished(seconds) {
      if (counts) metrics.messagePublished(seconds);
    },
    deliveryDelayed(seconds, delivery) {
      if (counts) metrics.deliveryDelayed(seconds, delivery);
    },
    messageDelivered() {
      if (counts) metrics.messageDelivered();
    },
  };
  return {
    metrics: switched,
    count(on: boolean) {
      counts = on;
    },
  };
}
