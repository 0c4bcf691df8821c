// Membership in the fleet: each process publishes a heartbeat every second, reads its peers', and
// decides whether to rebalance. While Redis is unavailable the last decision stands.
import type { Fleet, Heartbeat, Replica } from '../stores/fleet.ts';
import {
  createRebalance,
  eligiblePeersOf,
  type RebalanceDecision,
  type RebalanceSettings,
} from './rebalance.ts';

const heartbeatMs = 1_000;
// If all newer processes end at once, no process accepts clients until this one notices.
const yieldingHeartbeatMs = 250;
const staleMsMax = 60_000; // after that peers may be gone: accept every handshake again

interface Parts {
  fleet: Fleet;
  heartbeat(): Heartbeat;
  settings: RebalanceSettings;
  /** Carries out the decision for the next second. */
  apply(decision: RebalanceDecision): void;
  onError(error: unknown): void;
}

interface Peers {
  /** When they were read, by `performance.now()`. */
  at: number;
  self: Replica;
  others: Replica[];
  eligible: Replica[];
}

export function joinFleet({ fleet, heartbeat, settings, apply, onError }: Parts) {
  const decide = createRebalance(settings);
  let peers: Peers | undefined;
  let decision: RebalanceDecision = { close: 0 };
  let timer: NodeJS.Timeout | undefined;
  let member = true;

  const exchange = async (): Promise<boolean> => {
    try {
      const own = heartbeat();
      const all = await fleet.exchange(own);
      const others = all.filter(({ id }) => id !== own.id);
      const self = all.find(({ id }) => id === own.id) ?? { ...own, generation: 0 };
      const eligible = eligiblePeersOf(self, others, settings);
      peers = { at: performance.now(), self, others, eligible };
      return true;
    } catch (error) {
      onError(error);
      return false;
    }
  };
  const tick = async () => {
    const isCurrent = await exchange();
    if (peers && performance.now() - peers.at > staleMsMax) {
      peers = undefined;
      decision = { close: 0 };
    }
    if (isCurrent && peers) decision = decide(peers.self, peers.others, peers.at);
    else decision = { ...decision, close: 0 }; // never close connections on stale data
    apply(decision);
  };
  const wait = () => {
    if (!member) return;
    const ms = decision.refuse === 'yielding' ? yieldingHeartbeatMs : heartbeatMs;
    timer = setTimeout(() => void tick().finally(wait), ms);
  };
  wait();

  return {
    tick,
    /** Publishes a heartbeat and reads the peers' now; the next decision follows as usual. */
    exchange,
    decision: () => decision,
    /** The peers that can accept clients, and when they were read; `undefined`: unknown. */
    eligiblePeers: (): Pick<Peers, 'at' | 'eligible'> | undefined => peers,
    /** The other processes, and when they were read; `undefined`: unknown. */
    peers: (): Pick<Peers, 'at' | 'others'> | undefined => peers,
    replicas: (): Replica[] => (peers ? [peers.self, ...peers.others] : []),
    async leave() {
      member = false;
      clearTimeout(timer);
      await fleet.leave(heartbeat().id).catch(() => {}); // its last heartbeat expires by itself
    },
  };
}
