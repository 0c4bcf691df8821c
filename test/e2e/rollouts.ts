// What happens to the pods of a release in a cluster, and what clients may notice.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Load } from '../../service/cli/load/load.ts';
import {
  pingIntervalMsDefault as pingIntervalMs,
  pingTimeoutMsDefault as pingTimeoutMs,
} from '../../service/config/schema.ts';
import { eventually, helm, kubectl, ready, serverPods, type Values } from './cluster.ts';

export interface Place {
  namespace: string;
  url: string;
  /** Installs the release with other values, and waits until it is ready. */
  set(values?: Values): Promise<undefined>;
  /** Signals the process of a pod. */
  signal(pod: string, signal: 'SIGKILL' | 'SIGSTOP'): Promise<void> | undefined;
}

interface Targets {
  /** Of every client. */
  reconnectsMax: number;
  /** Minimum share of clients with exactly one reconnect. */
  onceShare?: number;
  /** p99 of the time to reconnect. */
  reconnectMsMax?: number;
  /** Whether the peak is at most three times the even rate of the drain. */
  paced?: boolean;
  /** From the event to the last reconnect. */
  backMsMax?: number;
  offPercentMax?: number;
  /** The killed pod is replaced, and the new one gets its share of the clients. */
  replaced?: boolean;
}

export interface Scene {
  name: string;
  /** Also runs in the short selection. */
  always?: boolean;
  transports?: string[];
  clientsMax?: number;
  before?(place: Place): Promise<unknown>;
  /** Runs before the event. */
  oldSeconds?: number;
  /** Runs the event; resolves to the pods whose clients may notice it, or to nothing for all. */
  event(place: Place, load: Load): Promise<string[] | undefined>;
  /** How long to measure after the event. */
  seconds?: number;
  after?(place: Place): Promise<unknown>;
  signals?: boolean;
  targets: Targets;
}

const newRelease = () => ({ podAnnotations: { rolled: String(Date.now()) } });
const namesOf = async ({ namespace }: Place): Promise<string[]> =>
  (await serverPods(namespace)).map(({ metadata }) => metadata.name);

const upgrade = ({ set }: Place) => set({ config: { LOG_LEVEL: 'debug' }, ...newRelease() });

async function rollBack(place: Place, load: Load) {
  const forth = upgrade(place).catch(() => {}); // its --wait may observe the second rollout
  const half = load.records().length / 2;
  const moved = () => load.records().filter(({ returns }) => returns.length > 0).length;
  while (moved() < half) await sleep(100);
  await helm(['rollback', 'mooring', '-n', place.namespace]);
  await forth;
  await ready(place.namespace);
  return undefined;
}

async function lose(place: Place, how: (pod: string) => Promise<unknown> | undefined) {
  const [first = ''] = await namesOf(place);
  await how(first);
  return [first];
}

/** Drains a node with one pod on it; in a cluster of one node the pod comes back there. */
async function drainNode(place: Place) {
  const [pod] = await serverPods(place.namespace);
  const { nodeName } = pod.spec;
  const { name } = pod.metadata;
  await kubectl('-n', place.namespace, 'label', 'pod', name, 'e2e-drain=one');
  const args = ['drain', nodeName, '--pod-selector=e2e-drain=one', '--timeout=120s'];
  try {
    const drained = kubectl(...args);
    await sleep(2_000);
    await kubectl('uncordon', nodeName);
    await drained;
  } finally {
    await kubectl('uncordon', nodeName);
  }
  return [name];
}

const whole = (place: Place) => eventually(90, () => ready(place.namespace));
const redisRestart = async ({ namespace }: Place) => {
  await kubectl('-n', namespace, 'delete', 'pod', 'mooring-redis-0');
  await ready(namespace);
  return [];
};
const redisUpgrade = async ({ set }: Place) => {
  await set({ redis: { cpu: '50m', extraConfig: `hz ${10 + (Date.now() % 90)}` } });
  return [];
};

const once: Targets = { reconnectsMax: 2, onceShare: 0.995, reconnectMsMax: 2_000, paced: true };
const few: Targets = { reconnectsMax: 1, reconnectMsMax: 2_000, paced: true };
const killed: Targets = { reconnectsMax: 1, reconnectMsMax: 3_000, replaced: true };
const none: Targets = { reconnectsMax: 0 };

export const scenes: Scene[] = [
  { name: 'upgrade, default transports', always: true, event: upgrade, targets: once },
  { name: 'upgrade, WebSocket only', transports: ['websocket'], event: upgrade, targets: once },
  {
    name: 'upgrade, polling only',
    transports: ['polling'],
    clientsMax: 60,
    event: upgrade,
    targets: { reconnectsMax: 1, onceShare: 1, reconnectMsMax: 2_500 },
  },
  {
    name: 'upgrade with a surge of 25 %',
    before: ({ set }) => set({ rollout: { maxSurge: '25%' } }),
    event: ({ set }) => set({ rollout: { maxSurge: '25%' }, ...newRelease() }),
    seconds: 25, // the last old pod is still draining
    after: ({ set }) => set(),
    targets: once,
  },
  {
    name: 'rollback midway',
    event: rollBack,
    after: ({ set }) => set(),
    targets: { reconnectsMax: 2, reconnectMsMax: 2_000 },
  },
  {
    name: 'scale 2 to 4',
    before: ({ set }) => set({ replicas: 2 }),
    oldSeconds: 32, // only connections older than half a minute move
    event: ({ set }) => set({ replicas: 4 }),
    seconds: 60,
    targets: { reconnectsMax: 1, reconnectMsMax: 2_000, offPercentMax: 15 },
  },
  {
    name: 'scale 4 to 3',
    before: ({ set }) => set({ replicas: 4 }),
    event: async (place) => {
      const before = await namesOf(place);
      await place.set({ replicas: 3 });
      const after = await namesOf(place);
      return before.filter((pod) => !after.includes(pod));
    },
    seconds: 25,
    targets: few,
  },
  {
    name: 'kubectl drain',
    event: drainNode,
    seconds: 20,
    after: whole,
    targets: { ...few, replaced: true },
  },
  {
    name: 'kubectl delete pod --force',
    always: true,
    event: (place) =>
      lose(place, (pod) =>
        kubectl('-n', place.namespace, 'delete', 'pod', pod, '--force', '--grace-period=0'),
      ),
    seconds: 15,
    after: whole,
    targets: killed,
  },
  {
    name: 'SIGKILL of the process',
    signals: true,
    event: (place) => lose(place, (pod) => place.signal(pod, 'SIGKILL')),
    seconds: 15,
    after: whole,
    targets: killed,
  },
  {
    name: 'frozen process',
    signals: true,
    event: (place) => lose(place, (pod) => place.signal(pod, 'SIGSTOP')),
    seconds: 60,
    after: whole,
    targets: { ...killed, backMsMax: pingIntervalMs + pingTimeoutMs + 3_000 },
  },
  { name: 'Redis pod deleted', always: true, event: redisRestart, seconds: 15, targets: none },
  {
    name: 'Redis upgraded',
    before: ({ set }) => set(), // removes values of earlier scenes
    event: redisUpgrade,
    seconds: 15,
    targets: none,
  },
];
