// This process among all of the fleet: says what it is once a second, hears of the others, and
// decides what to do for them. While Redis is away the last decision stands.
import type { Beat, Fleet, Replica } from '../stores/fleet.ts';
import { createSteering, isSettled, type Steering, type SteeringSettings } from './steering.ts';

const beatMs = 1_000;
const frozenMsMax = 60_000; // then the others may be gone: it takes everybody again

interface Parts {
  fleet: Fleet;
  say(): Beat;
  settings: SteeringSettings;
  /** Told what to do within the next second. */
  act(steering: Steering): void;
  failed(error: unknown): void;
}

export function joinFleet({ fleet, say, settings, act, failed }: Parts) {
  const decide = createSteering(settings);
  let known: { at: number; others: Replica[]; all: Replica[] } | undefined;
  let steering: Steering = { close: 0 };

  const beat = async () => {
    try {
      const own = say();
      const all = await fleet.beat(own);
      const others = all.filter(({ id }) => id !== own.id);
      const self = all.find(({ id }) => id === own.id) ?? { ...own, generation: 0 };
      known = { at: Date.now(), others, all };
      steering = decide(self, others, known.at);
    } catch (error) {
      failed(error);
      steering = { ...steering, close: 0 }; // who knows whether the excess is still there
    }
    if (known && Date.now() - known.at > frozenMsMax) {
      known = undefined;
      steering = { close: 0 };
    }
    act(steering);
  };
  const timer = setInterval(beat, beatMs);

  return {
    /** Now, not at the next second. */
    beat,
    steering: () => steering,
    /** Whether another process takes clients, and every proxy knows; `undefined`: not known. */
    othersTakeClients: () => known?.others.some((other) => isSettled(other, settings.settleMs)),
    replicas: (): Replica[] => known?.all ?? [],
    async leave() {
      clearInterval(timer);
      await fleet.leave(say().id).catch(() => {}); // then the others miss it
    },
  };
}
