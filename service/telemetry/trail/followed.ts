// One user that somebody follows: which events are for the trace, and what waits to be passed on.
import { userRoom } from '../../protocol/rooms.ts';
import type { TrailEvent } from './event.ts';
import { createRate } from './rate.ts';

/** On every process. */
export interface FollowedUser {
  /** Of the trace. */
  id: string;
  userId: string;
  /** Where the user's sockets are or have been, as `placeOf` writes it. */
  places: string[];
}

/** What a trace has to pass on. */
export interface Waiting {
  id: string;
  /** That the other processes may not know of. */
  places: string[];
  events: TrailEvent[];
}

export interface FollowLimits {
  eventsPerSecondMax: number;
  waitingEventsMax: number;
}

/** A room in its namespace; no room: everybody there. */
export const placeOf = (namespace: string, room = '*') => `${namespace} ${room}`;

export type Followed = ReturnType<typeof createFollowed>;

/** @param stamp adds time and place to an event */
export function createFollowed(
  { id, userId }: FollowedUser,
  { eventsPerSecondMax, waitingEventsMax }: FollowLimits,
  stamp: (happening: Omit<TrailEvent, 'at' | 'pod'>) => TrailEvent,
) {
  const rate = createRate(eventsPerSecondMax);
  const events: TrailEvent[] = [];
  const places = new Set<string>();
  const fresh = new Set<string>();
  let unkept = 0;
  const isFull = () => events.length >= waitingEventsMax;
  const tellOmitted = (limit: TrailEvent['limit'], omitted: number) => {
    if (omitted > 0) events.push(stamp({ type: 'limited', limit, omitted }));
  };
  return {
    id,
    userId,
    visit(place: string): void {
      if (places.has(place)) return;
      places.add(place);
      fresh.add(place);
    },
    /** Places that every process can know of. */
    hear(known: string[]): void {
      for (const place of known) places.add(place);
    },
    /** Whether the user may get what is published there. */
    isAmong(namespace: string, rooms: string[]): boolean {
      if (rooms.length === 0) return places.has(placeOf(namespace));
      const own = userRoom(userId);
      return rooms.some((room) => room === own || places.has(placeOf(namespace, room)));
    },
    push(event: TrailEvent): void {
      const omitted = rate.admit();
      if (omitted === undefined) return;
      if (isFull()) {
        unkept += 1 + omitted;
        return;
      }
      tellOmitted('events_per_second', omitted);
      events.push(event);
    },
    /** What is to be passed on next, at most so many events. */
    waiting(eventsMax: number): Waiting | undefined {
      if (!isFull()) {
        tellOmitted('waiting_events', unkept);
        unkept = 0;
        tellOmitted('events_per_second', rate.omitted());
      }
      if (events.length + fresh.size === 0) return undefined;
      return { id, places: [...fresh], events: events.slice(0, eventsMax) };
    },
    passed(waiting: Waiting): void {
      events.splice(0, waiting.events.length);
      for (const place of waiting.places) fresh.delete(place);
    },
  };
}
