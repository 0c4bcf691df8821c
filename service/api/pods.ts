// GET /v1/pods: the fleet as this replica knows it.
import { z } from 'zod';
import type { Pod } from '../stores/fleet.ts';
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
  pods(): Pod[];
}

export const podsRoute = ({ pods }: PodsParts) =>
  routeOf(podsEndpoint, async () => ({ pods: pods() }));
