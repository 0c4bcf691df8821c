// Whether a user may join a room: always, by the token's room patterns, or by asking a webhook.
import type { Access } from '../application/index.ts';
import type { Config } from '../config/schema.ts';
import type { User } from '../protocol/identity.ts';
import { refusal } from '../protocol/refusals.ts';

const askMsMax = 2_000;
const cacheTtlMs = 5_000;
const cachedAnswersMax = 10_000;
const failuresMax = 5; // in a row, before the webhook is left alone
const pauseMs = 1_000;

const granted = { ok: true } as const;

export interface RoomAccess {
  /** Whether the user may join the room. */
  join: Access;
  /** Whether the user may still be in the room. Asks the webhook again. */
  stay: Access;
}

export function createAccess(
  config: Pick<Config, 'roomAccess' | 'roomAccessUrl'>,
  report: (stage: string, error: unknown) => void,
): RoomAccess {
  if (config.roomAccess === 'open') return both(async () => granted);
  if (config.roomAccess === 'claims') {
    return both(async (user, roomId) =>
      claims(user, roomId) ? granted : refusal('access_denied'),
    );
  }
  const webhook = interrupted((user, roomId) =>
    askWebhook(config.roomAccessUrl ?? '', user, roomId),
  );
  const { cached, fresh } = cache(webhook);
  const accessBy =
    (ask: Ask): Access =>
    async (user, roomId) => {
      try {
        return (await ask(user, roomId)) ? granted : refusal('access_denied');
      } catch (error) {
        report('room_access', error);
        return refusal('unavailable', 'the room access webhook failed; try again');
      }
    };
  return { join: accessBy(cached), stay: accessBy(fresh) };
}

const both = (access: Access): RoomAccess => ({ join: access, stay: access });

/** Whether one of the token's patterns matches the room; `*` matches any characters. */
export function claims(user: User, roomId: string): boolean {
  return (user.rooms ?? []).some((pattern) => matches(pattern.split('*'), roomId));
}

/** Matches the parts of a pattern in order, without overlap. Linear time for any pattern. */
function matches([head = '', ...parts]: string[], name: string): boolean {
  const tail = parts.pop();
  if (tail === undefined) return head === name;
  if (!name.startsWith(head)) return false;
  let position = head.length;
  for (const part of parts) {
    const found = name.indexOf(part, position);
    if (found < 0) return false;
    position = found + part.length;
  }
  return name.length - tail.length >= position && name.endsWith(tail);
}

/**
 * `POST` of `{ userId, role, roomId }`: 2xx allows, unless its JSON says `allowed: false`; 4xx
 * denies. Anything else, and a timeout, rejects: access fails closed.
 */
async function askWebhook(url: string, { id, role }: User, roomId: string): Promise<boolean> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ userId: id, role, roomId }),
    signal: AbortSignal.timeout(askMsMax),
    redirect: 'error',
  });
  const text = await response.text();
  if (response.status >= 400 && response.status < 500 && response.status !== 429) return false;
  if (!response.ok) throw new Error(`the room access webhook answered ${response.status}`);
  if (!response.headers.get('content-type')?.includes('json') || text === '') return true;
  return (JSON.parse(text) as { allowed?: unknown }).allowed !== false;
}

type Ask = (user: User, roomId: string) => Promise<boolean>;

interface Answer {
  until: number;
  answer: Promise<boolean>;
  isPending: boolean;
}

/** Caches answers for a few seconds and coalesces concurrent requests. */
function cache(ask: Ask): { cached: Ask; fresh: Ask } {
  const answers = new Map<string, Answer>();
  const askBy =
    (isUsable: (known: Answer) => boolean): Ask =>
    (user, roomId) => {
      const key = JSON.stringify([user.id, user.role, roomId]);
      const known = answers.get(key);
      if (known && isUsable(known)) return known.answer;
      const answer = ask(user, roomId);
      const asked = { until: performance.now() + cacheTtlMs, answer, isPending: true };
      answers.delete(key);
      answers.set(key, asked);
      const forget = () => answers.get(key) === asked && answers.delete(key);
      answer
        .finally(() => {
          asked.isPending = false;
        })
        .catch(forget);
      const [oldest] = answers.keys();
      if (answers.size > cachedAnswersMax && oldest) answers.delete(oldest);
      return answer;
    };
  return {
    cached: askBy(({ until }) => until > performance.now()),
    fresh: askBy(({ isPending }) => isPending),
  };
}

/**
 * After several failures in a row, fails at once for a while: recovery must not wait for a webhook
 * that is down.
 */
function interrupted(ask: Ask): Ask {
  let failures = 0;
  let until = 0;
  return async (user, roomId) => {
    if (until > performance.now()) throw new Error('the room access webhook keeps failing');
    try {
      const answer = await ask(user, roomId);
      failures = 0;
      return answer;
    } catch (error) {
      failures += 1;
      if (failures >= failuresMax) until = performance.now() + pauseMs;
      throw error;
    }
  };
}
