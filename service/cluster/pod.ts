// What runs behind the operations port: one process, or a primary with its workers.
import type { Handler } from '../api/router.ts';

export interface Pod {
  /** Resolves to the port for clients. */
  listen(): Promise<number>;
  readiness(): { ready: boolean; reason?: string };
  /** The Prometheus text format. */
  metrics(): Promise<string>;
  api: Handler;
  /** Takes no new clients and closes the connections at a pace. */
  drain(): Promise<void>;
  close(): Promise<void>;
}
