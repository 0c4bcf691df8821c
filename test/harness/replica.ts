// The heartbeat of a process, as its peers read it.
import type { Replica } from '../../service/stores/fleet.ts';

/** Settled, with 100 connections, except for the changes. */
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
