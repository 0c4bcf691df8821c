// GET /v1/pods: the fleet, from the latest heartbeats that this replica read.
import { podsSchema } from '../protocol/events.ts';
import type { Pod } from '../stores/fleet.ts';
import { type Endpoint, routeOf } from './endpoint.ts';

export const podsEndpoint = {
  name: 'GET /v1/pods',
  summary: 'Every pod of the fleet, from its latest heartbeat',
  scope: 'read',
  status: 200,
  answer: podsSchema,
} as const satisfies Endpoint;

export interface PodsParts {
  pods(): Pod[];
}

export const podsRoute = ({ pods }: PodsParts) =>
  routeOf(podsEndpoint, async () => ({ pods: pods() }));
