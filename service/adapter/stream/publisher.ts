// Batches all messages of an event-loop turn into one call of the engine.
import { createHash } from 'node:crypto';
import {
  bundle,
  encode,
  type Flags,
  idBefore,
  inFormat,
  withContext,
} from '../delivery/envelope.ts';
import { type Format, FormatRefused } from '../delivery/formats.ts';
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
const channelsMax = 16; // for more rooms, one message to all processes costs less

export type Message = Omit<Publication, 'messages'> & {
  /** Set while the trail is active. */
  traced?: TracedMessage;
};

interface Addressed {
  rooms: string[];
  except: string[];
  flags: Flags;
  format: Format;
}

/**
 * Addresses an encoded packet.
 * @throws {RangeError} for too many socket ids
 */
export function toMessage(
  packet: (string | Buffer)[],
  { logOf, channelOf }: Names,
  { rooms, except, flags, format }: Addressed,
): Message {
  const targets = rooms.length > 0 ? rooms : [everyone];
  const volatile = flags.volatile === true;
  // Volatile messages have no id, so a member of two rooms would get two copies. Use one channel.
  const together = targets.length > (volatile ? 1 : channelsMax);
  if (!volatile && targets.filter(isDirect).length > directMax) {
    throw new RangeError(`Emit to at most ${directMax} sockets at once: use a room`);
  }
  const header = {
    ...(except.length > 0 && { except }),
    ...(volatile && { volatile }),
    ...(flags.compress === false && ({ compress: false } as const)),
  };
  const payload = encode(packet, header, format);
  const channels = together ? [channelOf(anyDirect)] : [...new Set(targets.map(channelOf))];
  return {
    payload,
    logs: volatile ? [] : targets.map(logOf),
    channels,
    // A room's own channel already identifies the room.
    ...((targets.length > 1 || targets.some(isDirect)) && { rooms: targets }),
  };
}

export interface Extras extends Pick<Message, 'record'> {
  /**
   * An idempotency key. A repetition with the same `content` gets the `result` of the first
   * message; one with another content is a `conflict`.
   */
  once?: { key: string; ms: number; content?: string; result?: string };
  /** A short text for the observer of each process that delivers the message. */
  context?: string;
}

export function extend(message: Message, { context, record, once }: Extras): Message {
  const payload = context === undefined ? message.payload : withContext(message.payload, context);
  return {
    ...message,
    payload,
    ...(record && { record }),
    ...(once && { once: { ...once, digest: digestOf(once.content), result: once.result ?? '' } }),
  };
}

/** Redis keeps this instead of the content. */
const digestOf = (content = '') => createHash('sha256').update(content).digest('base64url');

interface Waiting {
  message: Message;
  bytes: number;
  /** Set if the caller waits for the outcome. */
  settle?: { resolve(outcome: Outcome): void; reject(error: unknown): void };
}

export type Publisher = ReturnType<typeof createPublisher>;

/** @param format returns the format to write */
export function createPublisher(
  engine: Pick<Engine, 'publish'>,
  format: () => Format,
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
  const settled = (batch: Waiting[]) => {
    messages -= batch.length;
    for (const waiting of batch) bytes -= waiting.bytes;
  };
  /** Resolves to false if the engine refused the format. */
  const send = async (batch: Waiting[]): Promise<boolean> => {
    const written = format();
    const groups = grouped(batch);
    try {
      const publications = groups.map((group) => toPublication(group, written));
      const outcomes = await engine.publish(publications, written);
      for (const [i, group] of groups.entries()) settleAll(group, outcomes[i] as Outcome, trail);
    } catch (error) {
      if (error instanceof FormatRefused) return false;
      for (const waiting of batch) fail(waiting, error);
    }
    settled(batch);
    return true;
  };
  const sendAll = inOrder(send, batchMessagesMax);
  let flushing: NodeJS.Immediate | undefined;
  const flush = () => {
    clearImmediate(flushing);
    const waiting = queue;
    queue = [];
    sendAll(waiting);
  };
  const enqueue = (waiting: Waiting) => {
    if (messages >= queuedMessagesMax || bytes >= queuedBytesMax) {
      observer.limitReached('queued');
      fail(waiting, new EngineUnavailable('The publish backlog is full'));
      return;
    }
    messages += 1;
    bytes += waiting.bytes;
    if (queue.length === 0) flushing = setImmediate(flush);
    queue.push(waiting);
  };

  return {
    /** Sends the queued messages now, before an operation that must follow them. */
    flush,
    /** Rejects with `EngineUnavailable`. The message may still have been published. */
    publish: (message: Message) =>
      new Promise<Outcome>((resolve, reject) => {
        enqueue({ message, bytes: message.payload.length, settle: { resolve, reject } });
      }),
    /** Publishes without waiting for the outcome. Failures are reported to the observer. */
    post: (message: Message) => enqueue({ message, bytes: message.payload.length }),
  };
}

/**
 * Returns a function that sends messages in batches. After a refusal all that were refused are sent
 * again, and then those that waited meanwhile, so that the order stays.
 */
function inOrder(send: (batch: Waiting[]) => Promise<boolean>, batchMessagesMax: number) {
  const refused: Waiting[] = [];
  const held: Waiting[] = [];
  let underWay = 0;
  const begin = async (batch: Waiting[]) => {
    underWay += 1;
    if (!(await send(batch))) refused.push(...batch);
    underWay -= 1;
    if (refused.length > 0 && underWay === 0) beginAll([...refused.splice(0), ...held.splice(0)]);
  };
  const beginAll = (all: Waiting[]) => {
    for (let i = 0; i < all.length; i += batchMessagesMax) {
      void begin(all.slice(i, i + batchMessagesMax));
    }
  };
  return function sendAll(waiting: Waiting[]) {
    if (refused.length > 0) held.push(...waiting);
    else beginAll(waiting);
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
  const { logs, record, once, raw } = one.message;
  if (record || once || raw || other.record || other.once) return false;
  return logs.length === other.logs.length && logs.every((log, i) => log === other.logs[i]);
}

function toPublication(group: Waiting[], format: Format): Publication {
  const { message } = group[0] as Waiting;
  const payloads = group.map(({ message: { payload } }) => inFormat(payload, format));
  const [payload] = payloads as [Buffer];
  if (group.length === 1) return { ...message, payload, messages: 1 };
  return { ...message, payload: bundle(payloads), messages: group.length };
}
