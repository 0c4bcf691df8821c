// A lasting tie to the server that takes writes: connections that are opened, examined and dropped
// together. When one breaks, or the server is no master any more, it is looked for anew.
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineUnavailable } from '../engine.ts';
import type { Client } from './client.ts';
import { within } from './evaluate.ts';
import type { Locator } from './locate.ts';
import type { Needs } from './permissions.ts';
import { examine, RedisUnfit, refusal } from './requirements.ts';

interface Events {
  /** There are new connections, without a subscription. */
  up(): void;
  /** They are lost, or could not be opened. */
  down(error: unknown): void;
  /** The server answers a ping. */
  alive?(): void;
  /** What the promises suffer from, once each. */
  warned(sentence: string): void;
}

const backoffMsMin = 50;
const backoffMsMax = 2_000;
const closeMsMax = 1_500;

export type Link<N extends Client[]> = ReturnType<typeof openLink<N>>;

/** @param count connections to the same server; the first one is examined */
export function openLink<N extends Client[]>(
  locator: Locator,
  needs: Needs,
  count: N['length'],
  events: Events,
) {
  const stop = new AbortController();
  const opened = Promise.withResolvers<void>();
  const told = { ...events, warned: onceEach(events.warned) };
  let clients: N | undefined;
  let drop: (error: unknown) => void = () => {};
  let refused = rejectable();
  const hold = async (succeeded: () => void): Promise<never> => {
    const attempt = begin(locator, needs, count, told);
    drop = attempt.broken.reject;
    try {
      await Promise.race([attempt.ready, attempt.broken.promise]);
      succeeded();
      clients = attempt.clients as N;
      opened.resolve();
      events.up();
      return await attempt.broken.promise;
    } finally {
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
    /** Resolves when it is up for the first time. */
    opened: opened.promise,
    /** The connections, while there are any. */
    now: (): N | undefined => clients,
    /**
     * Sends a command. Rejects with `EngineUnavailable`, at once while Redis is away.
     * @param late told when there is no answer in time; the command may be done all the same
     */
    async use<T>(send: (clients: N) => Promise<T>, msMax: number, late?: () => void): Promise<T> {
      if (!clients) throw new EngineUnavailable('Redis is unavailable');
      return within(send(clients), msMax, late).catch(unavailable(drop));
    },
    /** Rejects with `RedisUnfit` when a server is refused from now on; never resolves. */
    refusal: (): Promise<never> => refused.promise,
    /** What is under way may end first. */
    async close(): Promise<void> {
      stop.abort();
      const closing = Promise.allSettled(clients?.map((client) => client.close()) ?? []);
      await within(closing, closeMsMax).catch(() => {});
      drop(new Error('closed'));
      await kept;
    },
  };
}

/** @param leave told when the server is no longer the one that takes writes */
const unavailable = (leave: (error: unknown) => void) => (cause: Error) => {
  if (/^(READONLY|MOVED) /.test(cause.message)) leave(cause);
  throw new EngineUnavailable(`Redis command failed: ${cause.message}`, { cause });
};

/** One attempt; `broken` rejects when a connection fails, then or later. */
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

function onceEach(tell: (sentence: string) => void): (sentence: string) => void {
  const told = new Set<string>();
  return (sentence) => {
    if (!told.has(sentence)) tell(sentence);
    told.add(sentence);
  };
}

function rejectable(): PromiseWithResolvers<never> {
  const pending = Promise.withResolvers<never>();
  pending.promise.catch(() => {}); // whoever needs it gets it all the same
  return pending;
}

/** Until it is aborted, with pauses that grow as long as nothing succeeds. */
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
    const ms = pauseMs * (0.5 + Math.random() / 2); // not all processes at once
    await sleep(ms, undefined, { signal }).catch(() => {});
    pauseMs = Math.min(backoffMsMax, 2 * pauseMs);
  }
}
