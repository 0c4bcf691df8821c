// The figures of several processes as those of one replica.
import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client';
import type { Snapshot } from './metrics.ts';

/** The default metrics alone, for a process that serves no client. */
export function createProcessMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return { snapshot: (): Promise<Snapshot> => registry.getMetricsAsJSON() };
}

/** Adds up processes, each metric by its own rule: sum, greatest or least. */
export function sumMetrics(snapshots: Snapshot[]) {
  const sum = AggregatorRegistry.aggregate(snapshots);
  return { text: () => sum.metrics(), snapshot: (): Promise<Snapshot> => sum.getMetricsAsJSON() };
}

/** What a process that is gone has counted; what it measured last is no longer true. */
export function withoutGauges(snapshot: Snapshot): Snapshot {
  return snapshot.filter(({ type }) => String(type) !== 'gauge');
}
