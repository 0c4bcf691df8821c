// Many handshakes at once: what is above a process's own limit goes to others, as far as they have
// said that they have room. When nobody has any, everybody takes what comes.
import type { Replica } from '../stores/fleet.ts';

const secondMs = 1_000;

/**
 * Whether a handshake goes elsewhere. Pure.
 * @param handshakes asked of this process within this second, up to this one
 * @param handshakesMax what any process is to take within a second
 * @param takers the others that could take it
 */
export function isSentOn(handshakes: number, handshakesMax: number, takers: Replica[]): boolean {
  const excess = handshakes - handshakesMax;
  const rooms = takers.map((taker) => Math.max(0, handshakesMax - taker.handshakes));
  const room = rooms.reduce((sum, one) => sum + one, 0);
  const senders = 1 + rooms.filter((one) => one === 0).length; // who all see the same room
  return excess > 0 && excess <= room / senders;
}

/** What was heard of the others, and when: epoch milliseconds. */
interface Heard {
  at: number;
  takers: Replica[];
}

/**
 * Counts the handshakes of a process.
 * @param hear called when the limit is passed: what is known of others then is of before the storm
 */
export function createStorm(handshakesMax: number, hear: () => void) {
  let passedAt = 0;
  let second = 0;
  let now = 0;
  let before = 0;
  const turn = () => {
    const present = Math.floor(Date.now() / secondMs);
    if (present === second) return;
    before = present === second + 1 ? now : 0;
    now = 0;
    second = present;
  };
  return {
    /** Asked at each handshake: whether it goes elsewhere. */
    sendsOn(heard: Heard | undefined): boolean {
      turn();
      now += 1;
      if (now === handshakesMax + 1) {
        passedAt = Date.now();
        hear();
      }
      const takers = heard && heard.at >= passedAt ? heard.takers : [];
      return isSentOn(now, handshakesMax, takers);
    },
    /** What others are told: those of this second, or of the one before if these were more. */
    perSecond(): number {
      turn();
      return Math.max(now, before);
    },
  };
}
