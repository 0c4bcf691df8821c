// Batches all messages of an event-loop turn into one call of the engine.
import { bundle, encode, type Flags, idBefore, withContext } from '../delivery/envelope.ts';
import {
  type Engine,
  EngineUnavailable,
  type Outcome,
  type Publication,
} from '../engine/engine.ts';
import { anyDirect, everyone, isDirect, type Names } from '../engine/names.ts';
import type { AdapterOptions, TracedMessage, Trail } from '../options.ts';

const bundleBytesMax = 65_536;
const directMax = 2_000; // each socket has its own log

export type Message = Omit<Publication, 'messages'> & {
  /** Set while the trail is active. */
  traced?: TracedMessage;
};

interface Addressed {
  rooms: string[];
  except: string[];
  flags: Flags;
}

/**
 * Addresses an encoded packet.
 * @throws {RangeError} for too many socket ids
 */
export function toMessage(
  packet: (string | Buffer)[],
  { logOf, channelOf }: Names,
  { rooms, except, flags }: Addressed,
): Message {
  const targets = rooms.length > 0 ? rooms : [everyone];
  // Volatile messages have no id, so a member of two rooms would get two copies. Use one channel.
  const together = flags.volatile === true && targets.length > 1;
  if (!together && targets.filter(isDirect).length > directMax) {
    throw new RangeError(`Emit to at most ${directMax} sockets at once: use a room`);
  }
  const payload = encode(packet, {
    ...(except.length > 0 && { except }),
    ...(flags.volatile && { volatile: true }),
    ...(flags.compress === false && { compress: false }),
  });
  const channels = together ? [channelOf(anyDirect)] : [...new Set(targets.map(channelOf))];
  return {
    payload,
    logs: flags.volatile ? [] : targets.map(logOf),
    channels,
    // A room's own channel already identifies the room.
    ...((targets.length > 1 || targets.some(isDirect)) && { rooms: targets }),
  };
}

export interface Extras extends Pick<Message, 'record' | 'once'> {
  /** A short text for the observer of each process that delivers the message. */
  context?: string;
}

export function extend(message: Message, { context, ...more }: Extras): Message {
  const payload = context === undefined ? message.payload : withContext(message.payload, context);
  return { ...message, ...more, payload };
}

interface Waiting {
  message: Message;
  /** Set if the caller waits for the outcome. */
  settle?: { resolve(outcome: Outcome): void; reject(error: unknown): void };
}

export type Publisher = ReturnType<typeof createPublisher>;

export function createPublisher(
  engine: Pick<Engine, 'publish'>,
  { batchMessagesMax, queuedMessagesMax, queuedBytesMax, observer, trail }: AdapterOptions,
) {
  let queue: Waiting[] = [];
  let messages = 0; // without a reply
  let bytes = 0;
  const fail = ({ message: { traced }, settle }: Waiting, error: unknown) => {
    if (traced) trail.publishFailed(traced);
    if (settle) settle.reject(error);
    else observer.failed('publish', error);
  };
  const send = async (batch: Waiting[]) => {
    const groups = grouped(batch);
    try {
      const outcomes = await engine.publish(groups.map(toPublication));
      for (const [i, group] of groups.entries()) settleAll(group, outcomes[i] as Outcome, trail);
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
      fail(waiting, new EngineUnavailable('The publish backlog is full'));
      return;
    }
    messages += 1;
    bytes += waiting.message.payload.length;
    if (queue.length === 0) setImmediate(flush);
    queue.push(waiting);
  };

  return {
    /** Sends the queued messages now, before an operation that must follow them. */
    flush,
    /** Rejects with `EngineUnavailable`. The message may still have been published. */
    publish: (message: Message) =>
      new Promise<Outcome>((resolve, reject) => {
        enqueue({ message, settle: { resolve, reject } });
      }),
    /** Publishes without waiting for the outcome. Failures are reported to the observer. */
    post: (message: Message) => enqueue({ message }),
  };
}

/** Resolves the messages of a group with their own ids. */
function settleAll(group: Waiting[], outcome: Outcome, trail: Trail): void {
  for (const [i, { message, settle }] of group.entries()) {
    const after = group.length - 1 - i;
    const own = after === 0 ? outcome : { ...outcome, id: idBefore(outcome.id, after) };
    settle?.resolve(own);
    if (message.traced) trail.published(message.traced, own);
  }
}

/** Groups consecutive messages to the same target into bundles. */
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
  if (!one || one.message.logs.length === 0) return false; // volatile messages have no id
  const { logs, record, once } = one.message;
  if (record || once || other.record || other.once) return false;
  return logs.length === other.logs.length && logs.every((log, i) => log === other.logs[i]);
}

function toPublication(group: Waiting[]): Publication {
  const { message } = group[0] as Waiting;
  if (group.length === 1) return { ...message, messages: 1 };
  const payload = bundle(group.map(({ message: { payload } }) => payload));
  return { ...message, payload, messages: group.length };
}
