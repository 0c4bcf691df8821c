// A process of a fleet, as the others hear of it.
import type { Replica } from '../../service/stores/fleet.ts';

/** Ready for long, with 100 connections, but for the changes. */
export const replica = (changes: Partial<Replica> = {}): Replica => ({
  id: Math.random().toString(),
  upstream: Math.random().toString(),
  pod: 'pod',
  release: 'a',
  generation: 1,
  ready: true,
  readyMs: 60_000,
  draining: false,
  connections: 100,
  handshakes: 0,
  ...changes,
});
