// Protection against a thundering herd: handshakes above a process's limit are refused while peers
// have room for them. When no peer has room, every process accepts what arrives.
import type { Replica } from '../stores/fleet.ts';

const secondMs = 1_000;

/**
 * Whether a handshake is refused so that a peer accepts it. Pure.
 * @param handshakes received within this second, this one included
 * @param handshakesMax limit per process and second
 * @param eligible the peers that could accept it
 */
export function exceedsLimit(
  handshakes: number,
  handshakesMax: number,
  eligible: Replica[],
): boolean {
  const excess = handshakes - handshakesMax;
  const capacities = eligible.map((peer) => Math.max(0, handshakesMax - peer.handshakes));
  const capacity = capacities.reduce((sum, one) => sum + one, 0);
  const senders = 1 + capacities.filter((one) => one === 0).length; // they share this capacity
  return excess > 0 && excess <= capacity / senders;
}

/** The eligible peers, and when they were read, by `performance.now()`. */
interface Peers {
  at: number;
  eligible: Replica[];
}

/**
 * Counts the handshakes of a process.
 * @param refreshPeers called when the limit is passed: heartbeats read earlier predate the storm
 */
export function createStorm(handshakesMax: number, refreshPeers: () => void) {
  let limitPassedAt = Number.NEGATIVE_INFINITY;
  let second = 0;
  let current = 0;
  let previous = 0;
  const advance = () => {
    const now = Math.floor(performance.now() / secondMs);
    if (now === second) return;
    previous = now === second + 1 ? current : 0;
    current = 0;
    second = now;
  };
  return {
    /** Counts a handshake and returns whether a peer should accept it instead. */
    exceeds(peers: Peers | undefined): boolean {
      advance();
      current += 1;
      if (current === handshakesMax + 1) {
        limitPassedAt = performance.now();
        refreshPeers();
      }
      const eligible = peers && peers.at >= limitPassedAt ? peers.eligible : [];
      return exceedsLimit(current, handshakesMax, eligible);
    },
    /** For the heartbeat: the larger of this second's and the previous second's count. */
    perSecond(): number {
      advance();
      return Math.max(current, previous);
    },
  };
}
