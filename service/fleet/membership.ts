// This process among all of the fleet: says what it is once a second, hears of the others, and
// decides what to do for them. While Redis is away the last decision stands.
import type { Beat, Fleet, Replica } from '../stores/fleet.ts';
import { createSteering, type Steering, type SteeringSettings, takersOf } from './rebalance.ts';

const beatMs = 1_000;
// Should all newer processes end at once, nobody takes clients until this one knows.
const yieldingBeatMs = 250;
const frozenMsMax = 60_000; // then the others may be gone: it takes everybody again

interface Parts {
  fleet: Fleet;
  say(): Beat;
  settings: SteeringSettings;
  /** Told what to do within the next second. */
  act(steering: Steering): void;
  failed(error: unknown): void;
}

interface Known {
  /** Epoch milliseconds. */
  at: number;
  self: Replica;
  others: Replica[];
  takers: Replica[];
}

export function joinFleet({ fleet, say, settings, act, failed }: Parts) {
  const decide = createSteering(settings);
  let known: Known | undefined;
  let steering: Steering = { close: 0 };
  let timer: NodeJS.Timeout | undefined;
  let member = true;

  const hear = async (): Promise<boolean> => {
    try {
      const own = say();
      const all = await fleet.beat(own);
      const others = all.filter(({ id }) => id !== own.id);
      const self = all.find(({ id }) => id === own.id) ?? { ...own, generation: 0 };
      const takers = takersOf(self, others, settings.settleMs);
      known = { at: Date.now(), self, others, takers };
      return true;
    } catch (error) {
      failed(error);
      return false;
    }
  };
  const beat = async () => {
    const heard = await hear();
    if (known && Date.now() - known.at > frozenMsMax) {
      known = undefined;
      steering = { close: 0 };
    }
    if (heard && known) steering = decide(known.self, known.others, known.at);
    else steering = { ...steering, close: 0 }; // who knows whether the excess is still there
    act(steering);
  };
  const wait = () => {
    if (!member) return;
    const ms = steering.refuse === 'yielding' ? yieldingBeatMs : beatMs;
    timer = setTimeout(() => void beat().finally(wait), ms);
  };
  wait();

  return {
    beat,
    /** Says and hears it now; what follows is decided at the next beat. */
    hear,
    steering: () => steering,
    /** The others that take clients, and since when that is known; `undefined`: not known. */
    takers: (): Pick<Known, 'at' | 'takers'> | undefined => known,
    replicas: (): Replica[] => (known ? [known.self, ...known.others] : []),
    async leave() {
      member = false;
      clearTimeout(timer);
      await fleet.leave(say().id).catch(() => {}); // then the others miss it
    },
  };
}
