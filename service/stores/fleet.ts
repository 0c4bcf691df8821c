// The processes of the fleet. Each publishes a heartbeat every second.
import { z } from 'zod';

/** The heartbeat of a process. */
export type Heartbeat = z.output<typeof heartbeatSchema>;
export const heartbeatSchema = z.looseObject({
  /** Identifies the process. A pod with workers has several. */
  id: z.string(),
  pod: z.string(),
  /** The upstream that proxies see. Workers behind one port share it. */
  upstream: z.string(),
  /** The release that the process runs. Each release has its own generation. */
  release: z.string(),
  /** Whether it accepts handshakes. */
  ready: z.boolean(),
  /** Milliseconds since it was first ready, or 0. */
  readyMs: z.number(),
  draining: z.boolean(),
  /** Whether it receives messages; missing in heartbeats of older releases. */
  live: z.boolean().optional(),
  /** Host and port where peers reach its operations port, if known. */
  operations: z.string().optional(),
  /** Authenticated connections. */
  connections: z.number(),
  /** Handshakes received in the last second. */
  handshakes: z.number(),
});

export interface Replica extends Heartbeat {
  /** Rank of the release in rollout order. The newest has the highest. */
  generation: number;
}

export interface Fleet {
  /** Publishes a heartbeat and resolves to the recent ones of all processes, this one included. */
  exchange(own: Heartbeat): Promise<Replica[]>;
  /** Removes a process at once, before its heartbeat expires. */
  leave(id: string): Promise<void>;
}

export const memoryFleet: Fleet = {
  exchange: async (own) => [{ ...own, generation: 0 }],
  leave: async () => {},
};

/** The sum over the processes of a pod. */
export interface Pod {
  pod: string;
  release?: string;
  generation?: number;
  /** Whether any of its processes is ready. */
  ready: boolean;
  readySeconds: number;
  draining: boolean;
  processes: number;
  processesReady: number;
  connections: number;
}

/** Sums up the processes of each pod; sorted by name. */
export function podsOf(replicas: Replica[]): Pod[] {
  const byPod = Map.groupBy(replicas, ({ pod }) => pod);
  const pods = [...byPod].map(([pod, processes]) => ({
    pod,
    ...(processes[0] && { release: processes[0].release, generation: processes[0].generation }),
    ready: processes.some(({ ready }) => ready),
    readySeconds: Math.floor(Math.max(...processes.map(({ readyMs }) => readyMs)) / 1000),
    draining: processes.some(({ draining }) => draining),
    processes: processes.length,
    processesReady: processes.filter(({ ready }) => ready).length,
    connections: processes.reduce((sum, { connections }) => sum + connections, 0),
  }));
  return pods.sort((a, b) => (a.pod < b.pod ? -1 : 1));
}
