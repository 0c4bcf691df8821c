// Connects this process's trail to the traces of the fleet: polls for traced users, and appends
// their events. Sockets never wait for it.
import type { MooringServer } from '../protocol/identity.ts';
import { Unavailable } from '../protocol/refusals.ts';
import { userRoom } from '../protocol/rooms.ts';
import type { Traces } from '../stores/traces.ts';
import type { FollowedUser } from '../telemetry/trail/followed.ts';
import { subjectOf } from '../telemetry/trail/subject.ts';
import type { Trail } from '../telemetry/trail/trail.ts';
import { placesOf } from './trail.ts';

const lookMs = 500;
const passMs = 100;
const passedEventsMax = 200; // per trace and command

export function followTraces(
  io: MooringServer,
  traces: Pick<Traces, 'running' | 'append'>,
  trail: Trail,
  report: (stage: string, error: unknown) => void,
) {
  const look = async () => {
    for (const user of trail.follow(await traces.running())) introduce(io, trail, user);
  };
  const pass = async () => {
    for (const waiting of trail.waiting(passedEventsMax)) {
      const events = waiting.events.map((event) => JSON.stringify(event));
      await traces.append(waiting.id, waiting.places, events);
      trail.passed(waiting);
    }
  };
  // While Redis is unavailable, a bounded number of events is kept.
  const failed = (error: unknown) => error instanceof Unavailable || report('trace', error);
  const loops = [every(lookMs, look, failed), every(passMs, pass, failed)];
  return {
    /** Appends the remaining events first. */
    async close(): Promise<void> {
      await Promise.all(loops.map((loop) => loop.close()));
      await pass().catch(failed);
    },
  };
}

/** Starts the trace with the user's current sockets. */
function introduce(io: MooringServer, trail: Trail, { id, userId }: FollowedUser): void {
  const sockets = [...io._nsps.values()].flatMap(({ adapter, sockets: connected }) =>
    [...(adapter.rooms.get(userRoom(userId)) ?? [])].flatMap((sid) => connected.get(sid) ?? []),
  );
  trail.tellTrace(id, { type: 'following', userId, sockets: sockets.length });
  for (const socket of sockets) {
    trail.tellTrace(id, { type: 'present', ...subjectOf(socket) }, placesOf(socket));
  }
}

/** Runs `work` at an interval, and never two runs at once. */
function every(ms: number, work: () => Promise<void>, failed: (error: unknown) => void) {
  let running: Promise<void> | undefined;
  const run = () => {
    running ??= work()
      .catch((error) => void failed(error))
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(run, ms);
  run();
  return {
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}
