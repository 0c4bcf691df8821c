// GET /v1/pods: the fleet as this replica knows it.
import { podsSchema } from '../protocol/events.ts';
import type { Pod } from '../stores/fleet.ts';
import { type Endpoint, routeOf } from './endpoint.ts';

export const podsEndpoint = {
  name: 'GET /v1/pods',
  summary: 'The fleet as this replica knows it',
  status: 200,
  answer: podsSchema,
} as const satisfies Endpoint;

export interface PodsParts {
  pods(): Pod[];
}

export const podsRoute = ({ pods }: PodsParts) =>
  routeOf(podsEndpoint, async () => ({ pods: pods() }));
