// The Redis engine, which all processes share: ids, logs, channels and sessions.
import { randomBytes } from 'node:crypto';
import { type Id, noId } from '../../delivery/envelope.ts';
import { type AdapterOptions, keepMsOf } from '../../options.ts';
import type { EngineEvents, EngineSource, OpenedEngine } from '../engine.ts';
import { createBus } from './bus.ts';
import { decodeMessage } from './channel-message.ts';
import type { Client } from './client.ts';
import { type Connections, openConnections } from './connections.ts';
import { evaluate } from './evaluate.ts';
import { createHandovers } from './handovers.ts';
import { keysOf } from './keys.ts';
import type { Locator } from './locate.ts';
import { readLogs } from './log-reader.ts';
import { publish } from './publish.ts';
import * as scripts from './scripts.ts';
import { createSessions } from './sessions.ts';
import { createSubscriptions } from './subscriptions.ts';
import { createWitness } from './witness.ts';

const retryMs = 200;
const beatsPerWindow = 8;
const beatMsMin = 250;
const beatMsMax = 2_000;
const aliveMsMin = 1_000;

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
  const witness = createWitness();
  let closed = false;
  let resuming = Promise.resolve(); // serializes resumes
  const failed = (stage: string) => (error: unknown) =>
    closed || options.observer.failed(stage, error);
  const connections = openConnections(locator, prefix, options, {
    up: resume,
    down: events.down,
  });
  /** Each answer measures the clock, too, which tightens the bound that is derived from it. */
  const readPosition = async (client: Client): Promise<Id> => {
    const sentAt = performance.now();
    const answer = evaluate(client, scripts.position.lua, [keys.sequence], []);
    const [id, microseconds] = (await answer) as unknown as [Id, string];
    events.alive(Number(microseconds), sentAt);
    return id;
  };
  const subscriptions = createSubscriptions(connections, {
    position: readPosition,
    arrived({ receive, log }, message) {
      try {
        const { id, payload, rooms } = decodeMessage(message);
        if (id !== noId) witness.seen(id, log);
        receive(id, payload, rooms);
      } catch (error) {
        failed('message')(error);
      }
    },
    failed: failed('subscribe'),
  });
  const bus = createBus(connections, subscriptions.flush, failed('request'));
  const name = keys.processes + processId;
  const heartbeat = startHeartbeat(connections, name, options, {
    alive: events.alive,
    failed: failed('heartbeat'),
  });

  const checkLoss = () => witness.check(connections, keys, keepMsOf(options));
  const resumeNow = async () => {
    bus.renew();
    await subscriptions.renew();
    await checkLoss();
    await heartbeat.beat();
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
    send: (to, message) => void bus.publish(keys.processes + to, message).catch(failed('handover')),
  });
  subscriptions.subscribe(name, undefined, (_, payload) => handovers.receive(payload));

  const { refusal, opened } = connections;
  return {
    engine: {
      // Waits for the first connection. Publishes stay in call order.
      publish: (publications) =>
        new Promise((resolve, reject) => {
          const parts = { connections, keys, options, witness };
          connections.onceOpened(() => {
            subscriptions.flush(); // earlier joins are subscribed first
            publish(publications, parts).then(resolve, reject);
          });
        }),
      subscribe: subscriptions.subscribe,
      async position() {
        const id = await connections.use(readPosition);
        witness.seen(id, undefined);
        return id;
      },
      async readLogs(positions, limits) {
        const parts = await readLogs(connections.read, positions, limits);
        for (const [i, part] of parts.entries()) {
          const last = part.status === 'ok' ? part.entries.at(-1) : undefined;
          if (last) witness.seen(last.id, positions[i]?.log);
        }
        return parts;
      },
      readRecord: connections.newest,
      ...createSessions(connections, { prefix, processId, keys, options, handovers }),
    },
    bus,
    connection: {
      opened,
      refusal,
      isUp: () => connections.main() !== undefined,
      close() {
        closed = true;
        heartbeat.stop();
        return connections.close();
      },
    },
  };
}

/** Renews the key of this process. Its sessions are valid as long as the key exists. */
function startHeartbeat(
  { main, run }: Connections,
  key: string,
  { recoveryMsMax }: AdapterOptions,
  { alive, failed }: Pick<EngineEvents, 'alive'> & { failed(error: unknown): void },
) {
  const aliveMs = String(Math.max(aliveMsMin, recoveryMsMax));
  const beat = async () => {
    const sentAt = performance.now();
    alive(Number(await run(scripts.heartbeat, [key], [aliveMs])), sentAt);
  };
  const everyMs = Math.max(beatMsMin, Math.min(beatMsMax, recoveryMsMax / beatsPerWindow));
  const timer = setInterval(() => main() && void beat().catch(failed), everyMs);
  return { beat, stop: () => clearInterval(timer) };
}
