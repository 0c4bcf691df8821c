// The bound of the engine's clock, for a clock that is set during an outage, and its estimate.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createClock } from '../session/clock.ts';

/** An engine whose clock can be set, and a clock of this process that only the test moves. */
function engine() {
  let nowMs = 1_000;
  let aheadMs = 1_750_000_000_000;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  const clock = createClock();
  return {
    clock,
    now: () => nowMs,
    pass(ms: number) {
      nowMs += ms;
    },
    set(ms: number) {
      aheadMs += ms;
    },
    /** The id of a message that is published now. */
    publish: () => String((nowMs + aheadMs) * 1000).padStart(16, '0'),
    /** Its clock is read, with a reply that takes some time. */
    measure(replyMs: number) {
      const microseconds = (nowMs + aheadMs) * 1000;
      nowMs += replyMs;
      clock.measure(microseconds, nowMs - 2 * replyMs);
    },
  };
}

afterEach(() => void vi.restoreAllMocks());

describe('the position of a join', () => {
  it('is between what was published before and after it, by half of a round trip', () => {
    const { clock, now, pass, publish, measure } = engine();
    measure(20);
    measure(1); // a quick answer tells more
    pass(2_000);
    measure(50); // and a slow one does not change that
    const before = publish();
    pass(1);
    const joinedAt = now();
    pass(1);
    const position = clock.around(joinedAt);
    expect([before < position, position < publish()]).toEqual([true, true]);
  });
});

describe('the position of a join during an outage', () => {
  it.each([-10_000, -30, -3, 0, 3, 30, 10_000])(
    'is before what is published next, although the clock is set by %i ms',
    (ms) => {
      const { clock, now, pass, set, publish, measure } = engine();
      measure(1);
      pass(1_000);
      clock.interrupt();
      pass(500);
      set(ms);
      const joinedAt = now();
      pass(1);
      const id = publish();
      pass(500);
      measure(50); // a step of less than this cannot be seen
      expect(clock.before(joinedAt) < id).toBe(true);
    },
  );

  it('is after what was published before, by more than the replies took', () => {
    const { clock, now, pass, publish, measure } = engine();
    measure(1);
    pass(1_000);
    clock.interrupt();
    const id = publish();
    pass(60);
    const joinedAt = now();
    pass(500);
    measure(50);
    expect(clock.before(joinedAt) > id).toBe(true);
  });
});
