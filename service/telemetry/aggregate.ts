// Aggregates the metrics of a replica's processes.
import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client';
import type { Snapshot } from './metrics.ts';

/** Default process metrics only, for a process that serves no client. */
export function createProcessMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return { snapshot: (): Promise<Snapshot> => registry.getMetricsAsJSON() };
}

/** Aggregates processes, each metric by its own rule: sum, max or min. */
export function sumMetrics(snapshots: Snapshot[]) {
  const sum = AggregatorRegistry.aggregate(snapshots);
  return { text: () => sum.metrics(), snapshot: (): Promise<Snapshot> => sum.getMetricsAsJSON() };
}

/** Of a process that exited, counters still count; gauges are no longer true. */
export function withoutGauges(snapshot: Snapshot): Snapshot {
  return snapshot.filter(({ type }) => String(type) !== 'gauge');
}
