// Which replicas a change starts and ends.
import { describe, expect, it } from 'vitest';
import { planChange } from '../../ingress/nginx/fleet/plan.ts';

const at = (number: number, slot: number, release = 'a') => ({ number, slot, release });
const six = Array.from({ length: 6 }, (_, port) => 3_100 + port);
const state = {
  ports: { proxy: 1, redis: 2, replicas: six, operations: six },
  serving: [at(1, 0), at(2, 1), at(3, 2)],
  lastNumber: 3,
};

describe('a change', () => {
  it.each<[string, typeof state, Parameters<typeof planChange>[1], object]>([
    [
      'to another release replaces all, on the free ports',
      state,
      { release: 'b' },
      {
        starting: [at(4, 3, 'b'), at(5, 4, 'b'), at(6, 5, 'b')],
        leaving: state.serving,
        serving: [at(4, 3, 'b'), at(5, 4, 'b'), at(6, 5, 'b')],
      },
    ],
    [
      'to more keeps those that are there, and their order',
      state,
      { replicas: 4 },
      { starting: [at(4, 3)], leaving: [], serving: [...state.serving, at(4, 3)] },
    ],
    [
      'to fewer ends the last ones',
      state,
      { replicas: 1 },
      { starting: [], leaving: [at(2, 1), at(3, 2)], serving: [at(1, 0)] },
    ],
    [
      'after another takes free ports and new names',
      { ...state, serving: [at(4, 3, 'b'), at(2, 1, 'b')], lastNumber: 6 },
      { replicas: 3 },
      {
        starting: [at(7, 0, 'b')],
        leaving: [],
        serving: [at(4, 3, 'b'), at(2, 1, 'b'), at(7, 0, 'b')],
      },
    ],
  ])('%s', (_, before, change, plan) => {
    expect(planChange(before, change)).toEqual(plan);
  });

  it('that needs more ports than there are is refused', () => {
    expect(() => planChange(state, { replicas: 4, release: 'b' })).toThrow('3 are free');
  });
});
