// What the operations port serves: a single process, or a primary with its workers.
import type { Handler } from '../api/router.ts';

export interface Pod {
  /** Resolves to the client port. */
  listen(): Promise<number>;
  readiness(): { ready: boolean; live?: boolean; reason?: string };
  /** In the Prometheus text format. */
  metrics(): Promise<string>;
  api: Handler;
  /** Refuses new clients and closes connections gradually. */
  drain(): Promise<void>;
  close(): Promise<void>;
}
