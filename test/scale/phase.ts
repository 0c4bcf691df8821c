// What one phase of a run has shown.
import type { Delivery } from '../../service/cli/load/judge.ts';
import type { Costs } from './costs.ts';

export interface Phase {
  fault: string;
  /** Milliseconds until every process was live again, or every client was back. */
  liveMs: number;
  liveMsMax: number;
  /** CPU seconds that the pods used until then. */
  liveCpuSeconds: number;
  raw: Delivery & { foreign: number };
  witnesses: Delivery;
  disconnects: number;
  unrecovered: number;
  reconnectMs: { p50: number; p99: number; max: number };
  costs: Costs;
  problems: string[];
}
