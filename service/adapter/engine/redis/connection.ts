// Maintains a link to the master: a group of connections that are opened, checked and dropped
// together. If one breaks, or the server is no longer the master, the link locates the master
// again.
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineUnavailable } from '../engine.ts';
import type { Client } from './client.ts';
import { within } from './evaluate.ts';
import type { Locator } from './locate.ts';
import type { Needs } from './permissions.ts';
import { examine, RedisUnfit, refusal } from './requirements.ts';

interface Events {
  /** New connections are open. Nothing is subscribed on them. */
  up(): void;
  /** The connections are lost, or could not be opened. */
  down(error: unknown): void;
  /** The server answered a ping. */
  alive?(): void;
  /** Warns about a setting that weakens a guarantee, once each. */
  warned(sentence: string): void;
}

const backoffMsMin = 50;
const backoffMsMax = 2_000;
const closeMsMax = 1_500;

export type Link<N extends Client[]> = ReturnType<typeof openLink<N>>;

/** @param count number of connections to the server. The first one runs the checks. */
export function openLink<N extends Client[]>(
  locator: Locator,
  needs: Needs,
  count: N['length'],
  events: Events,
) {
  const stop = new AbortController();
  const opened = Promise.withResolvers<void>();
  const deduplicated = { ...events, warned: onceEach(events.warned) };
  let clients: N | undefined;
  let up = Promise.withResolvers<void>();
  let drop: (error: unknown) => void = () => {};
  let refused = rejectable();
  const hold = async (succeeded: () => void): Promise<never> => {
    const attempt = begin(locator, needs, count, deduplicated);
    drop = attempt.broken.reject;
    try {
      await Promise.race([attempt.ready, attempt.broken.promise]);
      succeeded();
      clients = attempt.clients as N;
      opened.resolve();
      up.resolve();
      events.up();
      return await attempt.broken.promise;
    } finally {
      if (clients) up = Promise.withResolvers();
      clients = undefined;
      for (const client of attempt.clients) client.destroy();
    }
  };
  const kept = repeat(stop.signal, hold, (reason) => {
    if (reason instanceof RedisUnfit) {
      refused.reject(reason);
      refused = rejectable();
    }
    events.down(reason);
  });

  return {
    /** Resolves once the link is up for the first time. */
    opened: opened.promise,
    /** Resolves once the link is up. */
    whenUp: () => up.promise,
    /** The connections, while the link is up. */
    now: (): N | undefined => clients,
    /**
     * Sends a command. Rejects with `EngineUnavailable`, and at once while Redis is unavailable.
     * @param late called on a timeout. The command may still take effect.
     */
    async use<T>(send: (clients: N) => Promise<T>, msMax: number, late?: () => void): Promise<T> {
      if (!clients) throw new EngineUnavailable('Redis is unavailable');
      return within(send(clients), msMax, late).catch(unavailable(drop));
    },
    /** Rejects with `RedisUnfit` the next time that a server is refused. Never resolves. */
    refusal: (): Promise<never> => refused.promise,
    /** Lets pending commands finish first. */
    async close(): Promise<void> {
      stop.abort();
      const closing = Promise.allSettled(clients?.map((client) => client.close()) ?? []);
      await within(closing, closeMsMax).catch(() => {});
      drop(new Error('closed'));
      await kept;
    },
  };
}

/** @param leave called if the server is no longer the master */
const unavailable = (leave: (error: unknown) => void) => (cause: Error) => {
  if (/^(READONLY|MOVED) /.test(cause.message)) leave(cause);
  throw new EngineUnavailable(`Redis command failed: ${cause.message}`, { cause });
};

/** Starts one attempt. `broken` rejects when a connection fails, then or later. */
function begin(
  locator: Locator,
  needs: Needs,
  count: number,
  { alive, warned }: Events,
): { clients: Client[]; ready: Promise<void>; broken: PromiseWithResolvers<never> } {
  const clients: Client[] = [];
  const broken = rejectable();
  let over = false;
  broken.promise.catch(() => {
    over = true;
  });
  const open = async () => {
    const first = await locator.locate(needs.prefix);
    if (over) return;
    clients.push(first);
    while (clients.length < count) clients.push(first.duplicate() as Client);
    for (const client of clients) {
      client.on('error', (error) => broken.reject(refusal(error, client)));
    }
    if (alive) first.on('ping-interval', alive);
    await Promise.all(clients.map((client) => client.connect()));
    await examine(first, needs, locator.sharded, warned);
  };
  return { clients, ready: open(), broken };
}

function onceEach(warn: (sentence: string) => void): (sentence: string) => void {
  const seen = new Set<string>();
  return (sentence) => {
    if (!seen.has(sentence)) warn(sentence);
    seen.add(sentence);
  };
}

export function rejectable(): PromiseWithResolvers<never> {
  const pending = Promise.withResolvers<never>();
  pending.promise.catch(() => {}); // a rejection without a listener must not end the process
  return pending;
}

/** Repeats until aborted, with exponential backoff while attempts fail. */
async function repeat(
  signal: AbortSignal,
  hold: (succeeded: () => void) => Promise<never>,
  lost: (reason: unknown) => void,
): Promise<void> {
  let pauseMs = backoffMsMin;
  while (!signal.aborted) {
    const succeeded = () => {
      pauseMs = backoffMsMin;
    };
    await hold(succeeded).catch((reason) => signal.aborted || lost(reason));
    const ms = pauseMs * (0.5 + Math.random() / 2); // jitter
    await sleep(ms, undefined, { signal }).catch(() => {});
    pauseMs = Math.min(backoffMsMax, 2 * pauseMs);
  }
}
