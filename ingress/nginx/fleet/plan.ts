// Plans which replicas start and which leave. Pure.
import { Problem } from '../../../tools/problem.ts';
import type { FleetState, Placement } from './state.ts';

export interface Change {
  /** The number of replicas afterwards; default: unchanged. */
  replicas?: number;
  /** The release afterwards; default: unchanged. */
  release?: string;
}

export interface Plan {
  starting: Placement[];
  leaving: Placement[];
  /** The replicas afterwards, in nginx's order. */
  serving: Placement[];
}

/** @throws Problem if there are not enough ports to start new replicas beside the leaving ones */
export function planChange(
  { serving, lastNumber, ports }: Pick<FleetState, 'serving' | 'lastNumber' | 'ports'>,
  { replicas = serving.length, release }: Change,
): Plan {
  const staying = release === undefined ? serving.slice(0, replicas) : [];
  const taken = new Set(serving.map(({ slot }) => slot));
  const free = [...ports.replicas.keys()].filter((slot) => !taken.has(slot));
  const missing = replicas - staying.length;
  if (free.length < missing) {
    throw new Problem(
      `${missing} more replicas need ${missing} free ports; only ${free.length} are free.`,
    );
  }
  const runs = release ?? (serving[0] as Placement).release;
  const starting = free.slice(0, missing).map((slot, index) => ({
    number: lastNumber + 1 + index,
    slot,
    release: runs,
  }));
  return {
    starting,
    leaving: serving.filter((placement) => !staying.includes(placement)),
    serving: [...staying, ...starting],
  };
}
