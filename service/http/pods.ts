// GET /v1/pods: the fleet as this replica knows it, the processes of a pod added up.
import { z } from 'zod';
import type { Replica } from '../stores/fleet.ts';
import { type Endpoint, routeOf } from './endpoint.ts';

const count = z.int().nonnegative();

export const podsEndpoint = {
  name: 'GET /v1/pods',
  summary: 'The fleet as this replica knows it',
  status: 200,
  answer: z.object({
    pods: z.array(
      z.object({
        pod: z.string(),
        release: z.string().optional(),
        generation: z.number().optional(),
        ready: z.boolean(),
        readySeconds: count,
        draining: z.boolean(),
        processes: count,
        processesReady: count,
        connections: count,
      }),
    ),
  }),
} as const satisfies Endpoint;

export interface PodsParts {
  replicas(): Replica[];
}

export const podsRoute = ({ replicas }: PodsParts) =>
  routeOf(podsEndpoint, async () => {
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
    return { pods: pods.sort((a, b) => (a.pod < b.pod ? -1 : 1)) };
  });
