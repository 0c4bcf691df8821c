// The adapter's own connections to Redis: one for publishing, subscribing and sessions, one for
// reading logs, so that a long read delays no message.
import { RESP_TYPES } from '@redis/client';
import { idLength } from '../delivery/envelope.ts';
import type { AdapterOptions } from '../options.ts';
import type { Client } from './client.ts';
import { openLink } from './connection.ts';
import { evaluate } from './evaluate.ts';
import type { Locator } from './locate.ts';
import type { Script } from './scripts.ts';
import * as scripts from './scripts.ts';

export type Connections = ReturnType<typeof openConnections>;
export type Argument = string | Buffer;

/**
 * @param prefix of the keys and channels; in a cluster it holds their hash tag
 * @param up called after each connect; nothing is subscribed then
 * @param down called when they are lost, or could not be opened
 */
export function openConnections(
  locator: Locator,
  prefix: string,
  { key, commandMsMax, observer }: AdapterOptions,
  { up, down }: { up(): void; down(): void },
) {
  const needs = {
    family: key,
    prefix,
    scripts: Object.values(scripts).map(({ lua }) => lua),
    commands: ['GET', 'SET', 'PING', 'PUBLISH', 'XREVRANGE'],
    pubSub: {
      channels: [`${prefix}:trial`, `${key}-request#`, `${key}-response#`],
      pattern: `${key}#*`,
    },
  };
  const link = openLink<[Client, Client]>(locator, needs, 2, {
    up() {
      observer.connectionChanged();
      up();
    },
    down(error) {
      down();
      observer.connectionChanged();
      observer.failed('redis_connection', error);
    },
    warned: (sentence) => observer.failed('redis_settings', new Error(sentence)),
  });
  const use = <T>(send: (main: Client) => Promise<T>) =>
    link.use(([main]) => send(main), commandMsMax);

  return {
    opened: link.opened,
    /** Acts now, or when they are opened for the first time; in the order of the calls. */
    onceOpened: after(link.opened),
    refusal: link.refusal,
    close: link.close,
    /** The connection for everything but reading logs, while there is one. */
    main: () => link.now()?.[0],
    /** Sends a command; replies arrive in the order of the calls and among the messages. */
    use,
    run: ({ lua }: Script, keys: string[], args: Argument[]) =>
      use((main) => evaluate(main, lua, keys, args)),
    /** Runs a script on the connection for reading; texts come as Buffers. */
    read: ({ lua }: Script, keys: string[], args: Argument[]) =>
      link.use(([, reader]) => evaluate(inBuffers(reader), lua, keys, args), commandMsMax),
    get: (name: string) => use((main) => main.get(name)),
    /** The newest entries of a stream that `publish` has recorded, before an id or `+`. */
    async newest(stream: string, before: string, count: number) {
      const end = before === '+' ? '+' : `(${before}-0`;
      const read = ([, reader]: [Client, Client]) =>
        reader.xRevRange(stream, end, '-', { COUNT: count });
      const entries = (await link.use(read, commandMsMax)) ?? [];
      return entries.map(({ id, message }) => ({
        id: id.slice(0, idLength),
        value: String(message.d),
      }));
    },
  };
}

function after(opened: Promise<void>): (act: () => void) => void {
  let open = false;
  void opened.then(() => {
    open = true;
  });
  return (act) => {
    if (open) act();
    else void opened.then(act);
  };
}

const buffered = new WeakMap<Client, Client>();

/** The same connection, with texts as Buffers. */
function inBuffers(client: Client): Client {
  const mapped =
    buffered.get(client) ?? client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  buffered.set(client, mapped as unknown as Client);
  return mapped as unknown as Client;
}
