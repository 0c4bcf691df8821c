// Publishing: everything one turn of the event loop has to say goes to Redis in one script call.

import {
  bundle,
  encode,
  type Flags,
  type Id,
  idBefore,
  idLength,
  withContext,
} from '../delivery/envelope.ts';
import type { TracedMessage, Trail } from '../options.ts';
import { type Argument, RedisUnavailable } from '../redis/connections.ts';
import { publish as script } from '../redis/scripts.ts';
import { anyDirect, type Channels, everyone, isDirect } from './channels.ts';
import type { Hub } from './stream.ts';

const bundleBytesMax = 65_536;
const directMax = 2_000; // the log of each holds the names of all

export interface Message {
  payload: Buffer;
  /** Keys of the logs it is kept in, one for each of its rooms. */
  logs: string[];
  channels: string[];
  /** A stream of the application's own that gets an entry in the same step. */
  record?: { key: string; value: string; entriesMax: number; ms: number };
  /** A key that makes it happen once within its time; it keeps the id and the record's value. */
  once?: { key: string; ms: number };
  /** For the trail, when somebody follows it. */
  traced?: TracedMessage;
}

export interface Published {
  id: Id;
  /** False: it was published before, and this is what was recorded then. */
  first: boolean;
  record: string;
}

interface Addressed {
  rooms: string[];
  except: string[];
  flags: Flags;
}

/** An encoded packet with where it goes. */
export function toMessage(
  packet: (string | Buffer)[],
  { logOf, channelOf }: Pick<Channels, 'logOf' | 'channelOf'>,
  { rooms, except, flags }: Addressed,
): Message {
  const targets = rooms.length > 0 ? rooms : [everyone];
  // Without an id, to several rooms: on one channel, or who is in two of them gets it twice.
  const together = flags.volatile === true && targets.length > 1;
  const to = together ? targets : targets.filter(isDirect);
  if (!together && to.length > directMax) {
    throw new RangeError(`at most ${directMax} sockets at once: let them join a room`);
  }
  const payload = encode(packet, {
    ...(except.length > 0 && { except }),
    ...(to.length > 0 && { to }),
    ...(flags.volatile && { volatile: true }),
    ...(flags.compress === false && { compress: false }),
  });
  const channels = together ? [channelOf(anyDirect)] : [...new Set(targets.map(channelOf))];
  return { payload, logs: flags.volatile ? [] : targets.map(logOf), channels };
}

export interface Extras extends Pick<Message, 'record' | 'once'> {
  /** A short text that travels along, for the observer of each process that delivers it. */
  context?: string;
}

export function extend(message: Message, { context, ...more }: Extras): Message {
  const payload = context === undefined ? message.payload : withContext(message.payload, context);
  return { ...message, ...more, payload };
}

interface Waiting {
  message: Message;
  /** Of somebody who wants to know the outcome. */
  settle?: { resolve(published: Published): void; reject(error: unknown): void };
}

export type Publisher = ReturnType<typeof createPublisher>;

export function createPublisher(hub: Hub) {
  const { connections, options } = hub;
  const { batchMessagesMax, queuedMessagesMax, queuedBytesMax, observer, trail } = options;
  let queue: Waiting[] = [];
  let messages = 0; // without an answer
  let bytes = 0;
  const fail = ({ message: { traced }, settle }: Waiting, error: unknown) => {
    if (traced) trail.publishFailed(traced);
    if (settle) settle.reject(error);
    else observer.failed('publish', error);
  };
  const send = async (batch: Waiting[]) => {
    const groups = grouped(batch);
    try {
      const answers = (await connections.run(script, ...callOf(groups, hub))) as string[];
      for (const [i, group] of groups.entries()) {
        const answer = answers[i] as string;
        const [log] = (group[0] as Waiting).message.logs;
        if (log && answer.length === idLength) hub.logged(answer, log);
        settleAll(group, answer, trail);
      }
      if (Number(answers.at(-1)) > 0) observer.limitReached('log_bytes');
    } catch (error) {
      for (const waiting of batch) fail(waiting, error);
    }
    messages -= batch.length;
    for (const { message } of batch) bytes -= message.payload.length;
  };
  const flush = () => {
    const waiting = queue;
    queue = [];
    for (let i = 0; i < waiting.length; i += batchMessagesMax) {
      void send(waiting.slice(i, i + batchMessagesMax));
    }
  };
  const enqueue = (waiting: Waiting) => {
    if (messages >= queuedMessagesMax || bytes >= queuedBytesMax) {
      observer.limitReached('queued');
      fail(waiting, new RedisUnavailable('too many messages wait for Redis'));
      return;
    }
    messages += 1;
    bytes += waiting.message.payload.length;
    if (queue.length === 0) setImmediate(() => connections.onceOpened(flush));
    queue.push(waiting);
  };

  return {
    /** Sends what waits, before something that must come after it. */
    flush,
    /** Rejects with `RedisUnavailable`; then the outcome may be unknown. */
    publish: (message: Message) =>
      new Promise<Published>((resolve, reject) => {
        enqueue({ message, settle: { resolve, reject } });
      }),
    /** For messages whose outcome nobody waits for; the observer is told of a failure. */
    post: (message: Message) => enqueue({ message }),
  };
}

/** Tells who waits for a message of a group what became of it. */
function settleAll(group: Waiting[], answer: string, trail: Trail): void {
  for (const [i, { message, settle }] of group.entries()) {
    const after = group.length - 1 - i;
    settle?.resolve(outcomeOf(answer, after, message));
    if (message.traced) trail.published(message.traced, outcomeOf(answer, after, message));
  }
}

/** Messages that travel as one: those to the same target that follow each other. */
function grouped(batch: Waiting[]): Waiting[][] {
  const groups: Waiting[][] = [];
  let bytes = 0;
  for (const waiting of batch) {
    const last = groups.at(-1);
    const { length } = waiting.message.payload;
    if (last && bytes + length <= bundleBytesMax && isAlike(last[0], waiting)) {
      last.push(waiting);
      bytes += length;
    } else {
      groups.push([waiting]);
      bytes = length;
    }
  }
  return groups;
}

function isAlike(one: Waiting | undefined, { message: other }: Waiting): boolean {
  if (!one || one.message.logs.length === 0) return false; // volatile ones have no id
  const { logs, record, once } = one.message;
  if (record || once || other.record || other.once) return false;
  return logs.length === other.logs.length && logs.every((log, i) => log === other.logs[i]);
}

/** Keys and arguments of the script. */
function callOf(groups: Waiting[][], { keys, options, logMs }: Hub): [string[], Argument[]] {
  const { logEntriesMax, logBytesMax } = options;
  const names = [keys.sequence];
  const args: Argument[] = [logEntriesMax, logBytesMax, logMs, groups.length].map(String);
  for (const group of groups) {
    const payloads = group.map(({ message }) => message.payload);
    const { logs, channels, record, once } = (group[0] as Waiting).message; // the same of all
    names.push(...logs, ...(record ? [record.key] : []), ...(once ? [once.key] : []));
    args.push(
      payloads.length > 1 ? bundle(payloads) : (payloads[0] as Buffer),
      String(payloads.length),
      String(logs.length),
      String(channels.length),
      ...(record ? [`${record.entriesMax}`, `${record.ms}`, record.value] : ['', '', '']),
      once ? String(once.ms) : '',
      ...channels,
    );
  }
  return [names, args];
}

/** @param after how many messages of its bundle come after it */
function outcomeOf(answer: string, after: number, { record }: Message): Published {
  if (answer.length === idLength) {
    return { id: idBefore(answer, after), first: true, record: record?.value ?? '' };
  }
  return { id: answer.slice(0, idLength), first: false, record: answer.slice(idLength) };
}
