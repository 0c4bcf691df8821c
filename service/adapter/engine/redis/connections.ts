// The adapter's own connections to Redis: one for publishing, subscribing and sessions, and one for
// reading logs, so that a long read does not delay messages.
import { RESP_TYPES } from '@redis/client';
import { idLength } from '../../delivery/envelope.ts';
import { type AdapterOptions, stockKeyOf } from '../../options.ts';
import type { RecordLimits, RecordPage } from '../engine.ts';
import type { Client } from './client.ts';
import { openLink } from './connection.ts';
import { evaluate } from './evaluate.ts';
import type { Locator } from './locate.ts';
import * as logScripts from './log-scripts.ts';
import type { Script } from './position-script.ts';
import * as scripts from './scripts.ts';
import * as sessionScripts from './session-scripts.ts';

export type Connections = ReturnType<typeof openConnections>;
export type Argument = string | Buffer;

/**
 * @param prefix the prefix of keys and channels. In a cluster it contains the hash tag.
 * @param up called after each connect. Nothing is subscribed yet.
 * @param down called when the connections are lost or cannot be opened
 */
export function openConnections(
  locator: Locator,
  prefix: string,
  options: AdapterOptions,
  { up, down }: { up(): void; down(): void },
) {
  const { key, commandMsMax, observer } = options;
  const stockKey = stockKeyOf(options);
  const needs = {
    family: key,
    prefix,
    scripts: [scripts, logScripts, sessionScripts]
      .flatMap((some) => Object.values<Script>(some))
      .map(({ lua }) => lua),
    commands: ['PING', 'PUBLISH', 'XREVRANGE', 'HDEL'],
    pubSub: {
      channels: [`${prefix}:trial`, `${stockKey}-request#`, `${stockKey}-response#`],
      pattern: `${stockKey}#*`,
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
    /** Runs a function once the connections were opened for the first time, in call order. */
    onceOpened: after(link.opened),
    refusal: link.refusal,
    close: link.close,
    /** The connection for everything except reading logs, while the link is up. */
    main: () => link.now()?.[0],
    /** Sends a command. Replies arrive in call order, and in order with messages. */
    use,
    run: ({ lua }: Script, keys: string[], args: Argument[]) =>
      use((main) => evaluate(main, lua, keys, args)),
    /** Runs a script on the connection for reading. Strings are returned as Buffers. */
    read: ({ lua }: Script, keys: string[], args: Argument[]) =>
      link.use(([, reader]) => evaluate(inBuffers(reader), lua, keys, args), commandMsMax),
    /** The newest entries of a record before an id or `+`. */
    async newest(
      stream: string,
      before: string,
      { entriesMax, bytesMax }: RecordLimits,
    ): Promise<RecordPage> {
      const end = before === '+' ? '+' : `(${before}-0`;
      const args = [end, String(entriesMax), String(bytesMax)];
      const read = ([, reader]: [Client, Client]) =>
        evaluate(reader, logScripts.readRecord.lua, [stream], args);
      return pageOf((await link.use(read, commandMsMax)) as unknown as PageAnswer);
    },
  };
}

type PageAnswer = [more: number, ...idsAndValues: string[]];

function pageOf([more, ...flat]: PageAnswer): RecordPage {
  const values: RecordPage['values'] = [];
  for (let i = 0; i < flat.length; i += 2) {
    values.push({ id: (flat[i] as string).slice(0, idLength), value: flat[i + 1] as string });
  }
  return { values, more: more === 1 };
}

/** Returns a function that runs functions once the promise has resolved, in call order. */
export function after(opened: Promise<void>): (act: () => void) => void {
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

/** The same connection, returning strings as Buffers. */
function inBuffers(client: Client): Client {
  const mapped =
    buffered.get(client) ?? client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  buffered.set(client, mapped as unknown as Client);
  return mapped as unknown as Client;
}
