// The adapter's own connections to Redis: one for publishing, subscribing and sessions, one for
// reading logs, so that a long read delays no message.
import { type createClient, RESP_TYPES } from 'redis';
import { evaluate, within } from './command.ts';
import type { Script } from './scripts.ts';

/** A node-redis client of any flavour; it is duplicated, never used itself. */
export interface RedisClient {
  duplicate(overrides?: object): unknown;
}

type Client = ReturnType<typeof connectionOf>;

export type Connections = ReturnType<typeof openConnections>;

const pingMs = 3_000; // node-redis sends nothing when idle, and would not notice a dead peer

/** Thrown for every command that Redis did not do, or may not have done. */
export class RedisUnavailable extends Error {
  override name = 'RedisUnavailable';
}

/**
 * @param ready called after each connect, when all subscriptions are acknowledged anew
 * @param away called on errors, and when the connection is lost
 */
export function openConnections(
  client: RedisClient,
  commandMsMax: number,
  { ready, away }: { ready(): void; away(error?: unknown): void },
) {
  const main = connectionOf(client);
  const reader = connectionOf(client);
  main.on('error', away);
  main.on('reconnecting', () => away());
  main.on('ready', ready);
  reader.on('error', away);
  const opened = Promise.all([main.connect(), reader.connect()]).then(() => {});
  opened.catch(() => {}); // each use waits for it, and gets the rejection

  const call = (connection: Client, { lua }: Script, keys: string[], args: Argument[]) =>
    bounded(evaluate(connection, lua, keys, args), commandMsMax);
  const buffered = reader.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });

  return {
    main,
    opened,
    /** Runs a script; replies arrive in the order of the calls and among the messages. */
    run: (script: Script, keys: string[], args: Argument[]) => call(main, script, keys, args),
    /** The same on the connection for reading; texts come as Buffers. */
    read: (script: Script, keys: string[], args: Argument[]) =>
      call(buffered as unknown as Client, script, keys, args),
    get: (key: string) => bounded(main.get(key), commandMsMax),
    async close() {
      const closed = Promise.allSettled([main.close(), reader.close()]);
      await bounded(closed, commandMsMax).catch(() => {}); // what is under way may end first
      for (const connection of [main, reader]) if (connection.isOpen) connection.destroy();
    },
  };
}

export type Argument = string | Buffer;

function connectionOf(client: RedisClient) {
  const overrides = { RESP: 3, disableOfflineQueue: true, pingInterval: pingMs };
  return client.duplicate(overrides) as ReturnType<typeof createClient>;
}

function bounded<T>(command: Promise<T>, msMax: number): Promise<T> {
  return within(command, msMax).catch((cause: unknown) => {
    throw new RedisUnavailable('Redis did not do it', { cause });
  });
}
