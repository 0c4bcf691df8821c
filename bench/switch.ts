// Metrics that can be told to count nothing: both sides of a comparison in one process. Two
// processes of the same program differ by more than counting costs.
import type { Metrics } from '../service/telemetry/metrics.ts';

export function switchable(metrics: Metrics) {
  let counts = true;
  // Each verb of the fan-out has a call of its own, as it has in the service: V8 inlines no call
  // that leads to many functions.
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
