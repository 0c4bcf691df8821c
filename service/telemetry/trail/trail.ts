// What happened to single users, sockets and messages: debug lines in the log, and what a live
// trace of one user gets. Never what a message says, never a token or a private session id.
import type { Log } from '../log.ts';
import type { TrailEvent } from './event.ts';
import { createFollowed, type Followed, type FollowedUser, type Waiting } from './followed.ts';
import { createRate } from './rate.ts';

export const trailLimits = {
  /** Events per second of one trace in one process; the others are counted. */
  eventsPerSecondMax: 100,
  /** Events of one trace that wait in one process while Redis does not take them. */
  waitingEventsMax: 1_000,
  /** Lines per second at debug; the next one says how many were `omitted`. */
  linesPerSecondMax: 1_000,
  /** Rooms of a published message that are named; all are counted. */
  roomsNamedMax: 10,
};

/** An event as its call site knows it. */
export type Happening = Omit<TrailEvent, 'at' | 'pod'> & { at?: number };

export interface Published {
  messageId: string | undefined;
  namespace: string;
  event: string;
  rooms: string[];
  except: number;
  volatile: boolean;
}

interface Parts {
  log: Log;
  /** Whether the log is at debug. */
  debug: boolean;
  pod: string;
  /** Epoch milliseconds by Redis's clock, which all processes share. */
  now(): number;
}

export type Trail = ReturnType<typeof createTrail>;

export function createTrail({ log, debug, pod, now }: Parts, limits = trailLimits) {
  let followed: Followed[] = [];
  const write = debug ? createWriter(log, limits.linesPerSecondMax) : () => {};
  const stamp = (happening: Happening): TrailEvent => {
    const publishedAt = Number(happening.messageId ?? 0) / 1000;
    return { at: Math.max(now(), publishedAt), pod, ...happening }; // clocks are never quite equal
  };
  const tell = (happening: Happening, concerned: Followed[]) => {
    write(happening);
    if (concerned.length === 0) return;
    const event = stamp(happening);
    for (const one of concerned) one.push(event);
  };
  const trail = {
    /** Asked at every call site: while it is false there is nothing to tell. */
    active: debug,
    wants: (userId: string) => debug || followed.some((one) => one.userId === userId),
    /** Something that happened to a user, and the places where the user now is. */
    tell(happening: Happening & { userId: string }, places: string[] = []): void {
      const concerned = followed.filter(({ userId }) => userId === happening.userId);
      for (const one of concerned) places.forEach(one.visit);
      tell(happening, concerned);
    },
    /** The same, for one trace alone. */
    tellTrace(id: string, happening: Happening, places: string[] = []): void {
      const one = followed.find((other) => other.id === id);
      if (!one) return;
      places.forEach(one.visit);
      one.push(stamp(happening));
    },
    /** A message to rooms, for those who follow somebody there. */
    published(message: Published, outcome: { result?: string } = {}): void {
      const { namespace, rooms } = message;
      const concerned = followed.filter((one) => one.isAmong(namespace, rooms));
      const named = rooms.slice(0, limits.roomsNamedMax);
      tell({ ...happeningOf({ ...message, rooms: named }, rooms.length), ...outcome }, concerned);
    },
    /** From now on these are followed; answers those that were not before. */
    follow(users: FollowedUser[]): FollowedUser[] {
      const known = new Map(followed.map((one) => [one.id, one]));
      followed = users.map((user) => known.get(user.id) ?? createFollowed(user, limits, stamp));
      for (const [i, { places }] of users.entries()) followed[i]?.hear(places);
      trail.active = debug || followed.length > 0;
      return users.filter(({ id }) => !known.has(id));
    },
    /** What each trace has to pass on, at most so many events at once. */
    waiting: (eventsMax: number): Waiting[] =>
      followed.flatMap((one) => one.waiting(eventsMax) ?? []),
    /** It was passed on. */
    passed(waiting: Waiting): void {
      followed.find(({ id }) => id === waiting.id)?.passed(waiting);
    },
  };
  return trail;
}

function happeningOf(message: Published, targets: number): Happening {
  const { messageId, namespace, event, rooms, except, volatile } = message;
  return {
    type: 'published',
    ...(messageId && { messageId, at: Number(messageId) / 1000 }), // when Redis had it
    namespace,
    event,
    rooms,
    targets,
    ...(except > 0 && { except }),
    ...(volatile && { volatile: true as const }),
  };
}

function createWriter(log: Log, linesPerSecondMax: number) {
  const rate = createRate(linesPerSecondMax);
  return ({ type, at, ...details }: Happening): void => {
    const omitted = rate.admit();
    if (omitted === undefined) return;
    log.debug({ ...details, ...(omitted > 0 && { omitted }) }, words[type]);
  };
}

const words: Record<TrailEvent['type'], string> = {
  following: 'following',
  present: 'already connected',
  connected: 'connected',
  disconnected: 'disconnected',
  recovery: 'recovery ended',
  joined: 'room joined',
  left: 'room left',
  published: 'published',
  delivered: 'delivered',
  limited: 'events left out',
};
