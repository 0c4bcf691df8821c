// The Redis engine, which all processes share: ids, logs, channels and sessions.
import { randomBytes } from 'node:crypto';
import { type Id, noId } from '../../delivery/envelope.ts';
import { type Format, formats, Unreadable } from '../../delivery/formats.ts';
import { type AdapterOptions, keepMsOf } from '../../options.ts';
import type { EngineEvents, EngineSource, LogPosition, OpenedEngine } from '../engine.ts';
import { createBus } from './bus.ts';
import { decodeMessage } from './channel-message.ts';
import type { Client } from './client.ts';
import { after, openConnections } from './connections.ts';
import { evaluate } from './evaluate.ts';
import { createHandovers } from './handovers.ts';
import { startHeartbeat } from './heartbeat.ts';
import { keysOf, positionKeys } from './keys.ts';
import type { Locator } from './locate.ts';
import { readLogs } from './log-reader.ts';
import { publish } from './publish.ts';
import * as scripts from './scripts.ts';
import { createSessions } from './sessions.ts';
import { createSubscriptions } from './subscriptions.ts';
import { createWitness } from './witness.ts';

const retryMs = 200;

/**
 * Opens engines on a Redis.
 */
export function redisSource(locator: Locator, options: AdapterOptions): EngineSource {
  return {
    sharded: locator.sharded,
    open: (prefix, events) => openRedisEngine({ locator, prefix, options, events }),
  };
}

interface Parts {
  locator: Locator;
  prefix: string;
  options: AdapterOptions;
  events: EngineEvents;
}

function openRedisEngine({ locator, prefix, options, events }: Parts): OpenedEngine {
  const processId = randomBytes(8).toString('hex');
  const keys = keysOf(prefix);
  const name = keys.processes + processId;
  const witness = createWitness();
  let closed = false;
  let resuming = Promise.resolve(); // serializes resumes
  const { observer } = options;
  const failed = (stage: string) => (error: unknown) => closed || observer.failed(stage, error);
  const connections = openConnections(locator, prefix, options, {
    up: resume,
    down: events.down,
  });
  /** Each answer measures the clock, too, which tightens the bound that is derived from it. */
  const alive = (id: Id, microseconds: string, askedAt: number): void => {
    witness.read(id);
    events.alive(Number(microseconds), id, askedAt);
  };
  const readPosition = async (client: Client, positions: LogPosition[]) => {
    const askedAt = performance.now();
    const names = [...positionKeys(keys), ...positions.map(({ log }) => log)];
    const after = positions.map(({ after }) => after);
    const answer = evaluate(client, scripts.readPosition.lua, names, after);
    const [id, microseconds, ...behind] = (await answer) as unknown as [Id, string, ...number[]];
    alive(id, microseconds, askedAt);
    return { position: id, behind: behind.map((index) => positions[index] as LogPosition) };
  };
  const subscriptions = createSubscriptions(connections, {
    position: readPosition,
    arrived({ channel, receive, log }, message) {
      try {
        const { id, payload, rooms } = decodeMessage(message);
        if (id !== noId) witness.seen(id, log);
        receive(id, payload, rooms);
      } catch (error) {
        if (!(error instanceof Unreadable)) failed('message')(error);
        else if (channel === name) observer.unreadable('notice', error.format);
        else {
          observer.unreadable('message', error.format);
          events.unreadable(channel);
        }
      }
    },
    failed: failed('subscribe'),
  });
  const bus = createBus(connections, subscriptions.flush, failed('request'));
  let format: Format = formats.oldest;
  const agreed = (newest: Format) => {
    const isLower = newest < format;
    format = newest;
    if (isLower) events.formatLowered();
  };
  const heartbeat = startHeartbeat(connections, keys, processId, options, {
    received: events.received,
    forgot: events.forgot,
    alive,
    agreed,
    failed: failed('heartbeat'),
  });
  const onceAgreed = after(heartbeat.first);

  const checkLoss = () => witness.check(connections, keys, keepMsOf(options));
  const resumeNow = async () => {
    await heartbeat.beat(); // from now on messages are in a format that this version reads
    bus.renew();
    await subscriptions.renew();
    await checkLoss();
    events.up();
  };
  function resume(): void {
    events.down(); // until all channels are subscribed
    checkLoss().catch(() => {}); // sent at once, before any later publish
    resuming = resuming.then(resumeNow).catch((error) => {
      failed('catch_up')(error);
      setTimeout(() => connections.main() && resume(), retryMs).unref();
    });
  }
  const handovers = createHandovers({
    processId,
    answerMsMax: options.commandMsMax,
    claimed: events.claimed,
    format: () => format,
    send: (to, message) => void bus.publish(keys.processes + to, message).catch(failed('handover')),
  });
  subscriptions.subscribe(name, undefined, (_, payload) => handovers.receive(payload));

  const { refusal, opened } = connections;
  return {
    engine: {
      // Waits until a format is agreed on for the first time. Publishes stay in call order.
      publish: (publications, format) =>
        new Promise((resolve, reject) => {
          const parts = { connections, keys, options, witness, format, agreed };
          onceAgreed(() => {
            subscriptions.flush(); // earlier joins are subscribed first
            publish(publications, parts).then(resolve, reject);
          });
        }),
      subscribe: subscriptions.subscribe,
      position: async () => {
        const { position } = await connections.use((client) => readPosition(client, []));
        return position;
      },
      async readLogs(positions, limits) {
        const context = { read: connections.read, keys, keepMs: keepMsOf(options) };
        const parts = await readLogs(context, positions, limits);
        for (const [i, part] of parts.entries()) {
          const last = part.status === 'ok' ? part.entries.at(-1) : undefined;
          if (last) witness.seen(last.id, positions[i]?.log);
        }
        return parts;
      },
      readRecord: connections.newest,
      ...createSessions(connections, {
        prefix,
        processId,
        keys,
        options,
        handovers,
        format: () => format,
      }),
    },
    bus,
    connection: {
      opened,
      refusal: () => Promise.race([refusal(), heartbeat.refusal()]),
      isUp: () => connections.main() !== undefined,
      format: () => format,
      close() {
        closed = true;
        heartbeat.stop();
        return connections.close();
      },
    },
  };
}
