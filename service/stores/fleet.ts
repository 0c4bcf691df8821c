// Who else is there: every process of the fleet says so once a second.

/** What a process says of itself. */
export interface Beat {
  /** Of the process; a pod with workers has several. */
  id: string;
  pod: string;
  /** What proxies take it for: the workers behind one port are one upstream. */
  upstream: string;
  /** What it runs; processes with another one are of another generation. */
  release: string;
  /** Takes new clients. */
  ready: boolean;
  /** Milliseconds since it first took clients; 0 before. */
  readyMs: number;
  draining: boolean;
  /** Open Engine.IO connections. */
  connections: number;
  /** Asked of it within a second. */
  handshakes: number;
}

export interface Replica extends Beat {
  /** Releases in the order in which they were rolled out; the newest has the highest. */
  generation: number;
}

export interface Fleet {
  /** Says it, and resolves to all that said so within the last seconds, this one among them. */
  beat(own: Beat): Promise<Replica[]>;
  /** The others need not wait until they miss it. */
  leave(id: string): Promise<void>;
}

export const memoryFleet: Fleet = {
  beat: async (own) => [{ ...own, generation: 0 }],
  leave: async () => {},
};

/** The processes of a pod, added up. */
export interface Pod {
  pod: string;
  release?: string;
  generation?: number;
  /** Whether any of its processes is. */
  ready: boolean;
  readySeconds: number;
  draining: boolean;
  processes: number;
  processesReady: number;
  connections: number;
}

/** In the order of their names. */
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
