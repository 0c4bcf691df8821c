// The stream of messages of one engine: the position of this process in it, and the catch-up after
// an outage. All namespaces on the engine share it.
import { setTimeout as sleep } from 'node:timers/promises';
import { createArrivals } from '../delivery/arrivals.ts';
import { type Id, noId, unbundle, unknown } from '../delivery/envelope.ts';
import { createSocketWriter } from '../delivery/socket-writer.ts';
import type { EngineEvents, EngineSource, Receive, Subscription } from '../engine.ts';
import { type AdapterOptions, keepMsOf } from '../options.ts';
import { createLimiter } from '../session/limiter.ts';
import { type CatchUpSource, createCatchUp } from './catch-up.ts';
import { createCatchUpBuffer } from './catch-up-buffer.ts';
import { createClock } from './clock.ts';

const retryMs = 200;

export type Stream = ReturnType<typeof createStream>;

/** What the namespaces on the stream do in an outage. */
interface Listener {
  /** What is to be read after an outage. */
  sources(): CatchUpSource[];
  /** The outage was longer than logs live: what was missed may be nowhere. */
  forgetAll(): void;
  /** Messages flow again. @param upTo everything up to it was delivered */
  caughtUp(upTo: Id): void;
  claimed: EngineEvents['claimed'];
}

export function createStream(
  source: EngineSource,
  prefix: string,
  options: AdapterOptions,
  listener: Listener,
) {
  const writer = createSocketWriter();
  const arrivals = createArrivals(writer.end);
  const buffer = createCatchUpBuffer(options);
  const clock = createClock();
  let lastSeen: Id = unknown;
  let liveAt = performance.now();
  let outage = 0; // counts them
  let closed = false;
  const failed = (stage: string, error: unknown) => closed || options.observer.failed(stage, error);
  const seen = (id: Id): Id => {
    if (id > lastSeen) lastSeen = id;
    return lastSeen;
  };

  const opened = source.open(prefix, {
    up: () => void recover(++outage),
    down() {
      outage += 1;
      buffer.close();
      buffer.clear();
    },
    alive(microseconds, sentAt) {
      clock.measure(microseconds, sentAt);
      if (buffer.isOpen()) liveAt = performance.now();
    },
    claimed: listener.claimed,
  });
  const { engine, bus, connection } = opened;
  const catchUp = createCatchUp(engine, {
    lastSeen: () => lastSeen,
    sources: listener.sources,
    seen,
    caughtUp: options.observer.caughtUp,
    lostFor: () => performance.now() - liveAt > keepMsOf(options),
    forgetAll: listener.forgetAll,
  });

  /** Catches up until it succeeds or the engine is down again; then lets messages through. */
  async function recover(current: number): Promise<void> {
    buffer.close();
    while (current === outage && !closed) {
      try {
        let upTo: Id;
        do upTo = await catchUp();
        while (current === outage && buffer.overflowed());
        if (current === outage) resume(upTo);
        return;
      } catch (error) {
        failed('catch_up', error);
        await sleep(retryMs, undefined, { ref: false });
      }
    }
  }

  function resume(upTo: Id): void {
    for (const { id, deliver } of buffer.open()) if (id === noId || id > upTo) deliver();
    liveAt = performance.now();
    listener.caughtUp(upTo);
  }

  return {
    engine,
    bus,
    prefix,
    options,
    writer,
    arrivals,
    clock,
    /** Bounds how many sessions are restored at once. */
    restores: createLimiter(options.restoresAtOnceMax),
    /** Calls `receive` with each message of a channel, after what was missed in an outage. */
    subscribe(channel: string, log: string | undefined, receive: Receive): Subscription {
      const deliver: Receive = (id, payload, rooms) => {
        try {
          if (id !== noId) seen(id);
          for (const one of unbundle(id, payload)) receive(one.id, one.payload, rooms);
        } catch (error) {
          failed('message', error); // malformed
        }
      };
      return engine.subscribe(channel, log, (id, payload, rooms) => {
        const waiting = { id, bytes: payload.length, deliver: () => deliver(id, payload, rooms) };
        if (!buffer.hold(waiting)) waiting.deliver();
      });
    },
    /** The newest id of the engine. While live, everything up to it has arrived by then. */
    async position(): Promise<Id> {
      const id = await engine.position();
      return buffer.isOpen() ? seen(id) : id;
    },
    /** The engine had this id, and everything up to it has arrived. */
    seen(id: Id): void {
      if (buffer.isOpen()) seen(id);
    },
    /** The newest message that has arrived here. */
    arrived: () => lastSeen,
    /** The same, and by then it is written to the sockets. */
    delivered(): Id {
      arrivals.flush();
      return lastSeen;
    },
    isLive: buffer.isOpen,
    /** Resolves while messages flow: not before, and not in an outage. */
    live: buffer.whenOpen,
    /** Resolves when messages flow for the first time. */
    started: buffer.firstOpened,
    /** As `live`, but rejects when the engine is refused meanwhile. */
    ready: () => Promise.race([buffer.whenOpen(), connection.refusal()]),
    isUp: connection.isUp,
    async close(): Promise<void> {
      closed = true;
      await connection.close();
    },
  };
}
