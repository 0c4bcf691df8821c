// Metrics that can be told to count nothing: both sides of a comparison in one process. Two
// processes of the same program differ by more than counting costs.
import type { Metrics } from '../service/metrics.ts';

type Verb = (...given: unknown[]) => unknown;

export function switchable(metrics: Metrics) {
  let counts = true;
  const switched = ([name, verb]: [string, Verb]) => {
    const asked = ['text', 'snapshot'].includes(name);
    const call: Verb = (a, b, c, d) => (counts ? verb(a, b, c, d) : undefined);
    return [name, asked ? verb : call];
  };
  const entries = Object.entries(metrics) as [string, Verb][];
  return {
    metrics: Object.fromEntries(entries.map(switched)) as Metrics,
    count(on: boolean) {
      counts = on;
    },
  };
}
