// The message stream of one engine: the position of this process, and the catch-up after an outage.
// All namespaces on the engine share it.
import { setTimeout as sleep } from 'node:timers/promises';
import { createArrivals } from '../delivery/arrivals.ts';
import { type Id, noId, unbundle, unknown } from '../delivery/envelope.ts';
import type { Format } from '../delivery/formats.ts';
import { createNumbers, offsetOf } from '../delivery/offset.ts';
import { createSocketWriter } from '../delivery/socket-writer.ts';
import type {
  EngineEvents,
  EngineSource,
  Outcome,
  Publication,
  Receive,
  Subscription,
} from '../engine/engine.ts';
import type { AdapterOptions } from '../options.ts';
import { createClock } from '../session/clock.ts';
import { createLimiter } from '../session/limiter.ts';
import { createConfirmations } from '../session/unconfirmed.ts';
import { createStockWatch } from './bridge.ts';
import { type CatchUpSource, createCatchUp } from './catch-up.ts';
import { createCatchUpBuffer } from './catch-up-buffer.ts';
import { createReceipts } from './receipts.ts';

const retryMs = 200;
const readsAtOnceMax = 4;

export type Stream = ReturnType<typeof createStream>;

/**
 * @param rooms the rooms of a message to several rooms
 * @param heldAt when the message arrived, by `performance.now()`, if it was held in a catch-up
 */
type StreamReceive = (id: Id, payload: Buffer, rooms?: string[], heldAt?: number) => void;

/** Callbacks to the namespaces on the stream. */
interface Listener {
  /** The logs to read after an outage. */
  sources(): CatchUpSource[];
  /** The catch-up is done. @param upTo everything up to this id was delivered */
  caughtUp(upTo: Id): void;
  claimed: EngineEvents['claimed'];
  unreadable: EngineEvents['unreadable'];
  formatLowered: EngineEvents['formatLowered'];
  forgot: EngineEvents['forgot'];
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
  const receipts = createReceipts(options.noticeMsMax);
  let lastSeen: Id = unknown;
  let ahead: Id = unknown; // the newest position that was read during the catch-up
  let outage = 0; // number of the current one
  let closed = false;
  const failed = (stage: string, error: unknown) => closed || options.observer.failed(stage, error);
  const seen = (id: Id): Id => {
    if (id > lastSeen) lastSeen = id;
    return lastSeen;
  };
  /** Everything up to the id has arrived. During a catch-up it waits in the buffer. */
  const arrived = (id: Id): void => {
    if (buffer.isOpen()) seen(id);
    else if (id > ahead) ahead = id;
  };
  /** The newest id that has arrived, after writing all arrived messages to the sockets. */
  const delivered = (): Id => {
    arrivals.flush();
    return lastSeen;
  };

  const opened = source.open(prefix, {
    up: () => void recover(++outage),
    down() {
      outage += 1;
      clock.interrupt();
      buffer.close();
      buffer.clear();
      ahead = unknown;
    },
    alive(microseconds, position, askedAt) {
      clock.measure(microseconds, askedAt);
      arrived(position);
    },
    received() {
      receipts.written(delivered());
      return receipts.received();
    },
    claimed: listener.claimed,
    unreadable: listener.unreadable,
    formatLowered: listener.formatLowered,
    forgot() {
      if (buffer.isOpen()) listener.forgot();
    },
  });
  const { engine, bus, connection } = opened;
  const catchUp = createCatchUp(engine, {
    lastSeen: () => lastSeen,
    sources: listener.sources,
    seen,
    caughtUp: options.observer.caughtUp,
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
    seen(ahead);
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
    /** Bounds how many of them read logs: more would only wait for each other's time limits. */
    reads: createLimiter(readsAtOnceMax),
    /** Calls `receive` with each message of a channel, after those missed in an outage. */
    subscribe(
      channel: string,
      log: string | undefined,
      receive: StreamReceive,
      after?: Id,
    ): Subscription {
      const deliver = (id: Id, payload: Buffer, rooms: string[] | undefined, heldAt?: number) => {
        try {
          if (id !== noId) seen(id);
          for (const one of unbundle(id, payload)) receive(one.id, one.payload, rooms, heldAt);
        } catch (error) {
          failed('message', error); // malformed
        }
      };
      const arrive: Receive = (id, payload, rooms) => {
        if (buffer.isOpen()) {
          deliver(id, payload, rooms);
          return;
        }
        const now = performance.now();
        const later = () => deliver(id, payload, rooms, now);
        buffer.hold({ id, bytes: payload.length, deliver: later });
      };
      return engine.subscribe(channel, log, arrive, after);
    },
    /** Publishes. By the time that it resolves, everything before has arrived here. */
    async publish(publications: Publication[], format: Format): Promise<Outcome[]> {
      const outcomes = await engine.publish(publications, format);
      for (const { id } of outcomes) if (id !== noId) arrived(id);
      return outcomes;
    },
    /** The newest id of the engine. While live, everything up to it has arrived. */
    async position(): Promise<Id> {
      const id = await engine.position();
      return buffer.isOpen() ? seen(id) : id;
    },
    /** An id that is smaller than any published from now on, but larger than what has arrived. */
    least(): Id {
      const least = clock.before(performance.now());
      return least > lastSeen ? least : lastSeen;
    },
    /** Advances the position: everything up to the id has arrived. */
    seen: arrived,
    /** The newest id that has arrived. */
    arrived: () => lastSeen,
    /** The offset of a packet that is not in the stream and follows all that has arrived. */
    offset: () => offsetOf(lastSeen, numbers.next()),
    delivered,
    /** Everything up to this id has arrived at the client of every confirmed socket. */
    received: receipts.received,
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
