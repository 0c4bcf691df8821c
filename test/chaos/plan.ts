// The plan of a run: what happens and when, derived from the seed alone.
import { type LinkFault, linkFaults } from './link.ts';
import { type Random, seeded } from './random.ts';

export const podCount = 3;
export const publisherCount = 3;
export const rooms = ['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8', 'r9'];
/** Presence counts who is in these; see application.ts. */
export const countedRooms = rooms.slice(0, 7);

const kicks = ['user', 'socket', 'revoke', 'disconnectSockets'] as const;
export type Kick = (typeof kicks)[number];

interface Publish {
  kind: 'publish';
  publisher: number;
  /** Empty: every client. */
  rooms: string[];
  except: string[];
  volatile: boolean;
}

/** A client that connects while the others are under way. */
export interface Arrival {
  kind: 'arrive';
  user: string;
  pod: number;
  transports: string[];
  rooms: string[];
  /** How and when it leaves for good, if it does. */
  leaves: 'on purpose' | 'unnoticed' | undefined;
  staysMs: number;
}

export type Operation =
  | { kind: 'join' | 'leave'; client: number; room: string }
  | { kind: 'rejoin'; client: number; room: string; pauseMs: number }
  | Publish
  | Arrival
  | { kind: 'quit'; client: number; awayMs: number }
  | { kind: 'kick'; client: number; pod: number; how: Kick }
  | { kind: 'look'; pod: number; room: string }
  | { kind: 'hop'; client: number; away: number; action: 'join' | 'leave'; room: string }
  | { kind: 'roll'; pod: number }
  | { kind: 'direct'; publisher: number; client: number }
  | { kind: 'ask'; publisher: number; room: string }
  | { kind: 'cut' | 'expire' | 'intrude' | 'set'; client: number }
  /** Its pod does not notice that the connection is gone, and emits to the socket. */
  | { kind: 'lose'; client: number; count: number }
  | { kind: 'slow'; client: number; middlewareMs: number }
  | { kind: 'takeover'; client: number; pod: number }
  | { kind: 'kill' | 'stop'; pod: number; downMs: number }
  | { kind: 'freeze'; pod: number; frozenMs: number }
  | { kind: 'partition'; pod: number; how: LinkFault; ms: number }
  | { kind: 'redis'; downMs: number }
  | { kind: 'redis-freeze'; frozenMs: number }
  | { kind: 'redis-slow'; delayMs: number; ms: number }
  | { kind: 'redis-clock'; stepMs: number }
  | { kind: 'pod-clock'; pod: number; stepMs: number }
  /** Kills the pod at the moment in which a request is acknowledged. */
  | { kind: 'join-and-kill' | 'leave-and-kill'; client: number; room: string; downMs: number };

export type Planned = Operation & { atMs: number };

export interface Plan {
  seed: number;
  clients: { user: string; transports: string[]; pod: number; rooms: string[] }[];
  operations: Planned[];
}

/** Weights of the faults; publishes have their own rate. */
const disturbances = {
  cut: 26,
  slow: 14,
  takeover: 8,
  hop: 14,
  quit: 8,
  kick: 10,
  expire: 6,
  intrude: 3,
  kill: 10,
  stop: 4,
  roll: 4,
  freeze: 7,
  partition: 12,
  redis: 8,
  'redis-freeze': 4,
  'redis-slow': 5,
  'redis-clock': 4,
  'pod-clock': 6,
  'join-and-kill': 4,
  'leave-and-kill': 4,
};

const publishMs = 30; // between two publishes, on average
const memberMs = 220; // between two joins or leaves
const disturbMs = 450;
const directMs = 120;
const setMs = 200;
const loseMs = 500;
const lookMs = 150;
const arriveMs = 2_500;
/** During these somebody may connect and join. */
const outages = new Set(['kill', 'freeze', 'partition', 'redis', 'redis-freeze', 'redis-slow']);
const usersOfTabs = 4; // the others have one
const hourMs = 3_600_000;
const stepsMs = [-hourMs, -2_000, 2_000, hourMs];
const webSocketOnly = ['websocket'];
const allTransports = ['polling', 'websocket'];

export function drawPlan(seed: number, seconds: number, clientCount: number): Plan {
  const random = seeded(seed);
  const clients = Array.from({ length: clientCount }, (_, i) => ({
    user: userOf(i),
    transports: i % 2 === 0 ? allTransports : webSocketOnly,
    pod: random.below(podCount),
    rooms: random.some(rooms, random.between(1, 4)),
  }));
  const endMs = seconds * 1000;
  const operations = [
    ...drawn(endMs, publishMs, random, () => drawPublish(random, clientCount)),
    ...drawn(endMs, memberMs, random, () => drawMembership(random, clientCount)),
    ...drawn(endMs, disturbMs, random, () => drawDisturbance(random, clientCount)),
    ...drawn(endMs, directMs, random, () => drawDirect(random, clientCount)),
    ...drawn(endMs, setMs, random, () => ({ kind: 'set', client: random.below(clientCount) })),
    ...drawn(endMs, arriveMs, random, () => drawArrival(random, random.below(podCount))),
    ...drawn(endMs, lookMs, random, () => {
      return { kind: 'look', pod: random.below(podCount), room: random.pick(countedRooms) };
    }),
    ...drawn(endMs, loseMs, random, () => {
      return { kind: 'lose', client: random.below(clientCount), count: random.between(1, 5) };
    }),
  ];
  for (const operation of [...operations]) {
    const atMs = operation.atMs + random.between(0, 600);
    if (outages.has(operation.kind) && random.below(2) === 0) {
      const pod = 'pod' in operation ? operation.pod : random.below(podCount);
      operations.push({ ...drawArrival(random, pod), atMs });
    }
  }
  operations.sort((a, b) => a.atMs - b.atMs);
  return { seed, clients, operations };
}

function drawn(endMs: number, everyMs: number, random: Random, draw: () => Operation): Planned[] {
  const planned: Planned[] = [];
  for (let atMs = random.below(everyMs); atMs < endMs; atMs += random.between(1, 2 * everyMs)) {
    planned.push({ ...draw(), atMs });
  }
  return planned;
}

function drawPublish(random: Random, clientCount: number): Operation {
  const publisher = random.below(publisherCount);
  const form = random.weighted({
    room: 64,
    rooms: 12,
    except: 10,
    everyone: 3,
    volatile: 5,
    to: 6,
  });
  if (form === 'to') {
    return random.below(2) === 0
      ? { kind: 'direct', publisher, client: random.below(clientCount) }
      : { kind: 'ask', publisher, room: random.pick(rooms) };
  }
  const counts = { room: 1, rooms: 3, except: 2, everyone: 0, volatile: 1 };
  return {
    kind: 'publish',
    publisher,
    rooms: random.some(rooms, counts[form]),
    except: form === 'except' ? random.some(rooms, random.between(1, 2)) : [],
    volatile: form === 'volatile',
  };
}

/** Some users have several clients, as with several tabs of a browser. */
const userOf = (client: number) =>
  `user-${client < 2 * usersOfTabs ? client % usersOfTabs : client}`;

function drawArrival(random: Random, pod: number): Arrival {
  return {
    kind: 'arrive',
    user: random.pick(['user-0', `user-${usersOfTabs}`, `guest-${random.below(100)}`]),
    pod,
    transports: random.pick([allTransports, webSocketOnly]),
    rooms: random.some(rooms, random.between(1, 3)),
    leaves: random.pick(['on purpose', 'unnoticed', undefined]),
    staysMs: random.between(200, 4000),
  };
}

function drawDirect(random: Random, clientCount: number): Operation {
  const publisher = random.below(publisherCount);
  return { kind: 'direct', publisher, client: random.below(clientCount) };
}

function drawMembership(random: Random, clientCount: number): Operation {
  const client = random.below(clientCount);
  const room = random.pick(rooms);
  const kind = random.weighted({ join: 9, leave: 8, rejoin: 3 });
  // A pod unsubscribes from a room that nobody needs after a second.
  const pauseMs = random.pick([0, 30, 980, 1000, 1002, 1004]);
  return kind === 'rejoin' ? { kind, client, room, pauseMs } : { kind, client, room };
}

function drawDisturbance(random: Random, clientCount: number): Operation {
  const kind = random.weighted(disturbances);
  const client = random.below(clientCount);
  const pod = random.below(podCount);
  const room = random.pick(rooms);
  const downMs = random.between(0, 1200);
  if (kind === 'slow') return { kind, client, middlewareMs: random.between(50, 900) };
  if (kind === 'takeover') return { kind, client, pod };
  if (kind === 'hop') {
    const action = random.pick(['join', 'leave'] as const);
    return { kind, client, away: pod, action, room };
  }
  if (kind === 'quit') return { kind, client, awayMs: downMs };
  if (kind === 'kick') return { kind, client, pod, how: random.pick(kicks) };
  if (kind === 'roll') return { kind, pod };
  if (kind === 'kill' || kind === 'stop') return { kind, pod, downMs };
  if (kind === 'freeze') return { kind, pod, frozenMs: random.between(500, 3500) };
  if (kind === 'partition') return { kind, pod, how: random.pick(linkFaults), ms: 3 * downMs };
  if (kind === 'redis') return { kind, downMs };
  if (kind === 'redis-freeze') return { kind, frozenMs: 2 * downMs };
  if (kind === 'redis-slow') {
    return { kind, delayMs: random.between(10, 400), ms: random.between(500, 3000) };
  }
  if (kind === 'redis-clock') return { kind, stepMs: random.pick(stepsMs) };
  if (kind === 'pod-clock') return { kind, pod, stepMs: random.pick(stepsMs) };
  if (kind === 'join-and-kill' || kind === 'leave-and-kill') return { kind, client, room, downMs };
  return { kind, client };
}
