// One for all namespaces of a server: the connections, the position in the stream, and the gate
// that holds messages back while the process catches up after a loss of Redis.
import { randomBytes } from 'node:crypto';
import { type Connections, openConnections, type RedisClient } from './connections.ts';
import { fromChannel, type Id, noId } from './entry.ts';
import type { AdapterOptions } from './options.ts';
import { createSubscriptions, type Subscription } from './subscriptions.ts';

export type Hub = ReturnType<typeof createHub>;

interface Catcher {
  /** Reads what was missed and delivers it; resolves to the id up to which it did. */
  catchUp(): Promise<Id>;
  /** After it, when live messages flow again. */
  caughtUp(): void;
}

const retryMs = 200;
const logMsMargin = 60_000; // for a break that is noticed late

export function createHub(client: RedisClient, options: AdapterOptions, windowMs: number) {
  const processId = randomBytes(8).toString('hex');
  const keys = keysOf(options.key);
  const { receive, ...position } = createPosition();
  const gate = createGate(options);
  let catcher: Catcher | undefined;
  let closed = false;
  let resuming = Promise.resolve(); // one after the other
  const failed = (stage: string) => (error: unknown) =>
    closed || options.observer.failed(stage, error);
  const connections: Connections = openConnections(client, options.commandMsMax, {
    ready: resume,
    away(error) {
      if (!connections.main.isReady) gate.shut();
      if (error) options.observer.failed('redis_connection', error);
    },
  });
  const subscriptions = createSubscriptions(
    connections,
    (subscription, message) => gate.hold(subscription, message) || receive(subscription, message),
    failed('subscribe'),
  );
  const heart = beat(connections, keys.processes + processId, windowMs, failed('heartbeat'));
  function resume(): void {
    const attempt = async () => {
      gate.shut();
      await connections.opened;
      await subscriptions.renew();
      await heart.beat();
      await letThrough(gate, catcher, receive);
    };
    resuming = resuming.then(attempt).catch((error) => {
      failed('catch_up')(error);
      setTimeout(() => connections.main.isReady && resume(), retryMs).unref();
    });
  }

  return {
    options,
    windowMs,
    /** Milliseconds a log outlives its last message. */
    logMs: 2 * windowMs + logMsMargin,
    processId,
    keys,
    connections,
    subscriptions,
    ...position,
    /** Pending while messages are held back: nobody is restored meanwhile. */
    live: gate.whenOpen,
    isLive: gate.isOpen,
    started: gate.started,
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

/** Catches up, again as long as the gate overflows meanwhile, then lets live messages through. */
async function letThrough(
  gate: ReturnType<typeof createGate>,
  catcher: Catcher | undefined,
  receive: (...held: Held) => void,
): Promise<void> {
  let upTo = noId;
  do upTo = (await catcher?.catchUp()) ?? upTo;
  while (gate.overflowed());
  for (const [subscription, message] of gate.open()) {
    const { id } = fromChannel(message);
    if (id === noId || id > upTo) receive(subscription, message);
  }
  catcher?.caughtUp();
}

const keysOf = (key: string) => ({
  sequence: `${key}:sequence`,
  /** Below it Redis has lost messages: nobody can be restored. */
  floor: `${key}:floor`,
  processes: `${key}:process:`,
});

/** How far this process is in the stream of messages. */
function createPosition() {
  let lastSeen: Id = noId;
  let lastLogged = { id: noId, log: '' };
  const seen = (id: Id, log: string | undefined) => {
    if (id > lastSeen) lastSeen = id;
    if (log && id > lastLogged.id) lastLogged = { id, log };
  };
  return {
    seen,
    receive(subscription: Subscription, message: Buffer): void {
      const { id, payload } = fromChannel(message);
      if (id !== noId) seen(id, subscription.log);
      subscription.receive(id, payload);
    },
    lastSeen: () => lastSeen,
    /** The last message that is in a log known here. */
    lastLogged: () => lastLogged,
  };
}

type Held = [Subscription, Buffer];

/** Shut from the start, until the process knows where the stream is. */
function createGate({ gatedMessagesMax, gatedBytesMax, observer }: AdapterOptions) {
  let held: Held[] | undefined = [];
  let bytes = 0;
  let overflowed = false;
  let opened = Promise.withResolvers<void>();
  return {
    whenOpen: () => opened.promise,
    isOpen: () => held === undefined,
    /** The first time it opens: before that no position is known. */
    started: opened.promise,
    shut() {
      if (held) return;
      held = [];
      opened = Promise.withResolvers();
    },
    /** False: it is open, and the message is to be received now. */
    hold(...message: Held): boolean {
      if (!held) return false;
      bytes += message[1].length;
      if (held.length < gatedMessagesMax && bytes < gatedBytesMax) return held.push(message) > 0;
      held = []; // all of it is in the logs: they are read again
      bytes = 0;
      overflowed = true;
      observer.limitReached('gated');
      return true;
    },
    overflowed(): boolean {
      const was = overflowed;
      overflowed = false;
      return was;
    },
    open(): Held[] {
      const messages = held ?? [];
      held = undefined;
      bytes = 0;
      opened.resolve();
      return messages;
    },
  };
}

const beatsPerWindow = 8;
const beatMsMax = 2_000;

/** A key that outlives the process by the window: its sessions are valid that long. */
function beat(
  { main }: Connections,
  key: string,
  windowMs: number,
  failed: (error: unknown) => void,
) {
  const expiration = { type: 'PX' as const, value: windowMs };
  const once = () => main.set(key, '1', { expiration });
  const every = Math.min(beatMsMax, windowMs / beatsPerWindow);
  const timer = setInterval(() => main.isReady && void once().catch(failed), every);
  return { beat: once, stop: () => clearInterval(timer) };
}
