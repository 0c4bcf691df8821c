// GET /v1/pods: the fleet as this replica knows it, the processes of a pod added up.
import type { Replica } from '../stores/fleet.ts';
import { json, type Route } from './router.ts';

export interface PodsParts {
  replicas(): Replica[];
}

export const podsRoute =
  ({ replicas }: PodsParts): Route =>
  () => {
    const byPod = Map.groupBy(replicas(), ({ pod }) => pod);
    const pods = [...byPod].map(([pod, processes]) => ({
      pod,
      release: processes[0]?.release,
      generation: processes[0]?.generation,
      ready: processes.some(({ ready }) => ready),
      readySeconds: Math.floor(Math.max(...processes.map(({ readyMs }) => readyMs)) / 1000),
      draining: processes.some(({ draining }) => draining),
      processes: processes.length,
      processesReady: processes.filter(({ ready }) => ready).length,
      connections: processes.reduce((sum, { connections }) => sum + connections, 0),
    }));
    return json(200, { pods: pods.sort((a, b) => (a.pod < b.pod ? -1 : 1)) });
  };
