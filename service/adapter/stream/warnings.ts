// The observer used when none is given: emits a Node.js warning once per distinct reason.

import { formats } from '../delivery/formats.ts';
import { EngineUnavailable } from '../engine/engine.ts';
import { RedisUnfit } from '../engine/redis/requirements.ts';
import { defaultOptions, type Limit, type Observer } from '../options.ts';

const limits: Record<Limit, string> = {
  held:
    'Too many messages are waiting for a client that is reconnecting, so it is disconnected ' +
    'and will try again. Raise heldMessagesMax or heldBytesMax',
  gated:
    'Too many messages arrived while the process was catching up with Redis, so it reads the ' +
    'logs again. Raise gatedMessagesMax or gatedBytesMax',
  unconfirmed:
    'A client missed packets that were emitted only to its socket, and too many were waiting for ' +
    'its confirmation, so it was not recovered. Emit less to single sockets, or raise ' +
    'unconfirmedMessagesMax, unconfirmedBytesMax or unconfirmedTotalBytesMax',
  queued:
    'Too many messages are waiting for Redis, so new ones are dropped. Publish less, use a ' +
    'faster Redis, or raise queuedMessagesMax or queuedBytesMax',
  replay:
    'A client missed more messages than may be replayed, so it was not recovered. Raise ' +
    'replayMessagesMax or replayBytesMax',
  log_bytes:
    'The log of a room is full and its oldest messages were deleted, so clients that missed ' +
    'them cannot be recovered. Raise logBytesMax',
  sessions_per_user:
    'A user has too many sessions, so the oldest cannot be recovered. Raise ' +
    'sessionsPerUserMax, or check that identify() returns a different id for each user',
  takeovers:
    'Several connections keep claiming the same session, so it is not recovered. Check that ' +
    'no two clients use the same session id, or raise takeoversMax',
  restore_ms:
    'A client was not restored in time, so it is disconnected and will try again. Check ' +
    'whether Redis is slow, or raise restoreMsMax',
};

const failures: Record<string, string> = {
  publish:
    'A message could not be published and may not be delivered. To learn which one, send it ' +
    'with the publish method of createAdapter(...)',
  subscribe: 'A channel could not be subscribed to. The adapter tries again when it reconnects',
  catch_up: 'The process could not catch up with Redis and holds messages back. It tries again',
  heartbeat:
    'The heartbeat of this process did not reach Redis. If this continues, sessions expire',
  restore: 'A client could not be restored. It is disconnected and will try again',
  session_write: 'A session could not be saved. Its client may not be recovered',
  request: 'A request from another process failed, or a serverSideEmit listener threw',
  message: 'A message could not be decoded. Check that all processes run the same version',
};

/** The stages whose errors say everything themselves. */
const whole = new Set(['redis_settings', 'unreadable', 'stock_servers']);

/** Prints each reason once. Use an observer to count them. */
export function createWarnings(): Observer {
  const given = new Set<string>();
  const warn = (reason: string, text: string, detail = '') => {
    if (given.has(reason)) return;
    given.add(reason);
    process.emitWarning(`${text}.`, { type: 'MooringAdapterWarning', detail });
  };
  return {
    ...defaultOptions.observer,
    limitReached: (limit) => warn(limit, limits[limit]),
    failed(stage, error) {
      const reason = reasonOf(error);
      if (error instanceof RedisUnfit) {
        warn(reason, `Redis cannot be used, so no client can connect. ${reason}`);
      } else if (stage === 'redis_connection') {
        warn(
          stage,
          `Redis cannot be reached (${reason}): no client can connect and no message is ` +
            'published until it is back. Check that it is running and the address is correct. ' +
            'The adapter keeps trying',
        );
      } else if (whole.has(stage)) {
        warn(reason, reason);
      } else if (!(error instanceof EngineUnavailable) || error.cause) {
        const [word = ''] = /^[A-Z]{2,}/.exec(reason) ?? []; // NOPERM, OOM, ...
        const text = failures[stage] ?? `${stage} failed`;
        warn(`${stage} ${word}`, `${text} (${reason})`, stackOf(stage, error));
      } // otherwise the warning about the connection or the limit covers it
    },
  };
}

/** Reports a failure once for each kind and format that cannot be read. */
export function reportUnreadable(observer: Observer): Observer {
  const reported = new Set<string>();
  return {
    ...observer,
    unreadable(kind, format) {
      observer.unreadable(kind, format);
      const found = `${kind.replace('_', ' ')} in format ${format}`;
      if (reported.has(found)) return;
      reported.add(found);
      const text =
        `Found a ${found}, but this version reads formats ${formats.oldest} to ` +
        `${formats.newest}, so clients that need it are not recovered by this process. Run ` +
        'versions that have a format in common';
      observer.failed('unreadable', new Error(text));
    },
  };
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.map(reasonOf))].join(', ');
  }
  if (!(error instanceof Error)) return String(error);
  if (error instanceof EngineUnavailable && error.cause) return reasonOf(error.cause);
  return error.message || String(Reflect.get(error, 'code') ?? error.name);
}

/** The stack of an error from the application's listener. */
const stackOf = (stage: string, error: unknown) =>
  stage === 'request' && error instanceof Error ? error.stack : undefined;
