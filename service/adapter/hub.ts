// One for all namespaces of a server: the connections, the position in the stream, and the gate
// that holds messages back while the process catches up after a loss of Redis.
import { randomBytes } from 'node:crypto';
import { type Clock, createClock } from './clock.ts';
import { type Connections, openConnections } from './connections.ts';
import { type Id, idLength, noId } from './entry.ts';
import { createGate, type Gate, type Held } from './gate.ts';
import { createLine } from './line.ts';
import type { Locator } from './locate.ts';
import type { AdapterOptions } from './options.ts';
import { createPosition } from './position.ts';
import { createSubscriptions } from './subscriptions.ts';

export type Hub = ReturnType<typeof createHub>;

interface Catcher {
  /** Before anything is published to a Redis that may have forgotten. */
  check(): Promise<unknown>;
  /** Reads what was missed and delivers it; resolves to the id up to which it did. */
  catchUp(): Promise<Id>;
  /** After it, when live messages flow again. */
  caughtUp(): void;
}

const retryMs = 200;
const logMsMargin = 60_000; // for a break that is noticed late

interface Place {
  locator: Locator;
  /** Of its keys and channels. */
  prefix: string;
}

export function createHub(place: Place, options: AdapterOptions, windowMs: number) {
  const { locator, prefix } = place;
  const processId = randomBytes(8).toString('hex');
  const keys = keysOf(prefix);
  const { receive, ...position } = createPosition((error) => failed('message')(error));
  const gate = createGate(options);
  let catcher: Catcher | undefined;
  let closed = false;
  let resuming = Promise.resolve(); // one after the other
  const failed = (stage: string) => (error: unknown) =>
    closed || options.observer.failed(stage, error);
  const events = { up: resume, down: gate.shut };
  const connections: Connections = openConnections(locator, prefix, options, events);
  const subscriptions = createSubscriptions(
    connections,
    (subscription, message) => gate.hold(subscription, message) || receive(subscription, message),
    failed('subscribe'),
  );
  const clock = createClock();
  const key = keys.processes + processId;
  const heart = beat(connections, { key, windowMs, clock, gate, failed: failed('heartbeat') });
  function resume(): void {
    catcher?.check().catch(() => {}); // sent at once: what is published comes after it
    const attempt = () => reopen({ gate, subscriptions, heart, receive }, catcher);
    resuming = resuming.then(attempt).catch((error) => {
      failed('catch_up')(error);
      setTimeout(() => connections.main() && resume(), retryMs).unref();
    });
  }

  return {
    options,
    prefix,
    windowMs,
    logMs: 2 * windowMs + logMsMargin, // that a log outlives its last message
    processId,
    keys,
    connections,
    subscriptions,
    restoring: createLine(options.restoresAtOnceMax),
    ...position,
    sequence: sequenceOf(connections, keys.sequence, gate, position.seen),
    clock,
    live: gate.whenOpen, // pending while messages are held back: nobody is restored then
    isLive: gate.isOpen,
    /** Milliseconds since Redis was last known to be there, and messages to arrive. */
    awayMs: heart.awayMs,
    started: gate.started,
    /** As `live`, but rejects with `RedisUnfit` when a server is refused meanwhile. */
    ready: () => Promise.race([gate.whenOpen(), connections.refusal()]),
    catchWith(caught: Catcher) {
      catcher = caught;
    },
    close() {
      closed = true;
      heart.stop();
      return connections.close();
    },
  };
}

interface Reopened {
  gate: Gate;
  subscriptions: Hub['subscriptions'];
  receive(...held: Held): void;
  heart: ReturnType<typeof beat>;
}

/** Catches up, again as long as the gate overflows meanwhile, then lets live messages through. */
async function reopen(
  { gate, subscriptions, heart, receive }: Reopened,
  catcher: Catcher | undefined,
): Promise<void> {
  gate.shut();
  const renewed = await subscriptions.renew();
  await heart.beat();
  let upTo = noId;
  do upTo = (await catcher?.catchUp()) ?? upTo;
  while (gate.overflowed());
  for (const subscription of renewed) subscription.since = upTo;
  for (const [subscription, message] of gate.open()) {
    const id = message.toString('latin1', 0, idLength);
    if (id === noId || id > upTo) receive(subscription, message);
  }
  heart.live();
  catcher?.caughtUp();
}

const keysOf = (key: string) => ({
  sequence: `${key}:sequence`,
  /** Below it Redis has lost messages: nobody can be restored. */
  floor: `${key}:floor`,
  processes: `${key}:process:`,
});

/** How far Redis is; while live everything up to it has arrived before this answer. */
const sequenceOf =
  ({ get }: Connections, key: string, { isOpen }: Gate, seen: (id: Id) => void) =>
  async (): Promise<Id> => {
    const id = (await get(key)) ?? noId;
    if (isOpen()) seen(id);
    return id;
  };

const beatsPerWindow = 8;
const beatMsMax = 2_000;

interface Heart {
  key: string;
  windowMs: number;
  clock: Clock;
  gate: Gate;
  failed(error: unknown): void;
}

/**
 * A key that outlives the process by the window: its sessions are valid that long. Each beat
 * measures Redis's clock, too.
 */
function beat({ main, use }: Connections, { key, windowMs, clock, gate, failed }: Heart) {
  let liveAt = Date.now();
  const live = () => {
    if (gate.isOpen()) liveAt = Date.now();
  };
  const expiration = { type: 'PX' as const, value: windowMs };
  const once = async () => {
    const sentMs = performance.now();
    const [[seconds, us]] = await use((client) =>
      Promise.all([client.time(), client.set(key, '1', { expiration })]),
    );
    clock.measure(Number(seconds) * 1_000_000 + Number(us), sentMs);
  };
  const every = Math.min(beatMsMax, windowMs / beatsPerWindow);
  const timer = setInterval(() => main() && void once().then(live, failed), every);
  return { beat: once, live, awayMs: () => Date.now() - liveAt, stop: () => clearInterval(timer) };
}
