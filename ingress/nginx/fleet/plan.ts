// Which replicas start and which leave for a change. Pure.
import { Problem } from '../../../tools/problem.ts';
import type { FleetState, Placement } from './state.ts';

export interface Change {
  /** How many there are afterwards; as many as now if it is not given. */
  replicas?: number;
  /** What they run afterwards; what they run now if it is not given. */
  release?: string;
}

export interface Plan {
  starting: Placement[];
  leaving: Placement[];
  /** Afterwards, in nginx's order. */
  serving: Placement[];
}

/** @throws Problem when there are not enough ports for those that start beside those that leave */
export function planChange(
  { serving, lastNumber, ports }: Pick<FleetState, 'serving' | 'lastNumber' | 'ports'>,
  { replicas = serving.length, release }: Change,
): Plan {
  const staying = release === undefined ? serving.slice(0, replicas) : [];
  const taken = new Set(serving.map(({ slot }) => slot));
  const free = [...ports.replicas.keys()].filter((slot) => !taken.has(slot));
  const missing = replicas - staying.length;
  if (free.length < missing) {
    throw new Problem(`${missing} replicas more need ${missing} ports; ${free.length} are free.`);
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
