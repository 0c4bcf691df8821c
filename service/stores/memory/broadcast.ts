// Publishing in one process, for development and for a single replica.
import { Adapter } from 'socket.io-adapter';
import type { Metrics } from '../../telemetry/metrics.ts';
import { type Broadcast, type Extras, type Identify, onceMs } from '../broadcast.ts';
import { createMemoryAdapter } from './adapter.ts';

const onceKeysMax = 100_000;
const recordKeysMax = 100_000;

/** @param recovers whether lost connections are recovered */
export function memoryBroadcast(
  identify: Identify,
  metrics: Metrics,
  recovers: boolean,
): Broadcast {
  const done = new Map<string, { until: number; record: string }>();
  const records = new Map<string, { until: number; values: string[] }>();

  const keep = ({ key, value, entriesMax, ms }: NonNullable<Extras['record']>) => {
    const kept = records.get(key);
    const values = kept && kept.until > Date.now() ? kept.values : [];
    replace(records, key, {
      until: Date.now() + ms,
      values: [value, ...values].slice(0, entriesMax),
    });
    dropOldest(records, recordKeysMax);
  };

  return {
    adapter: recovers ? createMemoryAdapter(identify, metrics.recoveryEnded) : Adapter,
    async publish(emit, { record, once } = {}) {
      const before = once === undefined ? undefined : done.get(once);
      if (before && before.until > Date.now()) return { first: false, record: before.record };
      const startedAt = performance.now();
      emit();
      metrics.deliveryDelayed((performance.now() - startedAt) / 1000);
      if (record) keep(record);
      const value = record?.value ?? '';
      if (once !== undefined) {
        replace(done, once, { until: Date.now() + onceMs, record: value });
        dropOldest(done, onceKeysMax);
      }
      return { first: true, record: value };
    },
    async *recorded(key) {
      const kept = records.get(key);
      if (kept && kept.until > Date.now()) yield* kept.values;
    },
    ready: async () => {},
  };
}

/** A Map keeps the order of insertion: what was written last comes last. */
function replace<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
}

function dropOldest(map: Map<string, unknown>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) return;
    map.delete(key);
  }
}
