// The message stream of one engine: the position of this process, and the catch-up after an outage.
// All namespaces on the engine share it.
import { setTimeout as sleep } from 'node:timers/promises';
import { createArrivals } from '../delivery/arrivals.ts';
import { type Id, noId, unbundle, unknown } from '../delivery/envelope.ts';
import { createNumbers, offsetOf } from '../delivery/offset.ts';
import { createSocketWriter } from '../delivery/socket-writer.ts';
import type { EngineEvents, EngineSource, Receive, Subscription } from '../engine/engine.ts';
import { type AdapterOptions, keepMsOf } from '../options.ts';
import { createLimiter } from '../session/limiter.ts';
import { createConfirmations } from '../session/unconfirmed.ts';
import { createStockWatch } from './bridge.ts';
import { type CatchUpSource, createCatchUp } from './catch-up.ts';
import { createCatchUpBuffer } from './catch-up-buffer.ts';
import { createClock } from './clock.ts';

const retryMs = 200;

export type Stream = ReturnType<typeof createStream>;

/** Callbacks to the namespaces on the stream. */
interface Listener {
  /** The logs to read after an outage. */
  sources(): CatchUpSource[];
  /** The outage outlasted the logs, so that missed messages may be lost. */
  forgetAll(): void;
  /** The catch-up is done. @param upTo everything up to this id was delivered */
  caughtUp(upTo: Id): void;
  claimed: EngineEvents['claimed'];
  unreadable: EngineEvents['unreadable'];
  formatLowered: EngineEvents['formatLowered'];
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
  const stock = createStockWatch(options);
  const numbers = createNumbers();
  let lastSeen: Id = unknown;
  let liveAt = performance.now();
  let outage = 0; // number of the current one
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
    unreadable: listener.unreadable,
    formatLowered: listener.formatLowered,
  });
  const { engine, bus, connection } = opened;
  const catchUp = createCatchUp(engine, {
    lastSeen: () => lastSeen,
    sources: listener.sources,
    seen,
    caughtUp: options.observer.caughtUp,
    lostFor: () => performance.now() - liveAt > keepMsOf(options),
    forgetAll: listener.forgetAll,
    unreadable: options.observer.unreadable,
  });

  /**
   * Retries the catch-up until it succeeds or the engine goes down again. Then opens the buffer.
   */
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
    stock.missed(upTo); // in the outage
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
    stock,
    numbers,
    confirmations: createConfirmations(options),
    /** Bounds how many sessions are restored at once. */
    restores: createLimiter(options.restoresAtOnceMax),
    /** Calls `receive` with each message of a channel, after those missed in an outage. */
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
    /** The newest id of the engine. While live, everything up to it has arrived. */
    async position(): Promise<Id> {
      const id = await engine.position();
      return buffer.isOpen() ? seen(id) : id;
    },
    /** Advances the position: everything up to the id has arrived. */
    seen(id: Id): void {
      if (buffer.isOpen()) seen(id);
    },
    /** The newest id that has arrived. */
    arrived: () => lastSeen,
    /** The offset of a packet that is not in the stream and follows all that has arrived. */
    offset: () => offsetOf(lastSeen, numbers.next()),
    /** The same, after writing all arrived messages to the sockets. */
    delivered(): Id {
      arrivals.flush();
      return lastSeen;
    },
    isLive: buffer.isOpen,
    /** Resolves once the catch-up is done; at once if the process is live. */
    live: buffer.whenOpen,
    /** Resolves once the first catch-up is done. */
    started: buffer.firstOpened,
    /** Like `live`, but rejects if the engine is refused meanwhile. */
    ready: () => Promise.race([buffer.whenOpen(), connection.refusal()]),
    isUp: connection.isUp,
    /** The format to write. */
    format: connection.format,
    async close(): Promise<void> {
      closed = true;
      await connection.close();
    },
  };
}
