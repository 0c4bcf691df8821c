// Whether a user may join a room: always, by the token's room patterns, or by asking a webhook.
import type { Access } from '../application/index.ts';
import type { Config } from '../config/schema.ts';
import type { User } from '../protocol/identity.ts';
import { refusal } from '../protocol/refusals.ts';

const askMsMax = 2_000;
const cacheTtlMs = 5_000;
const cachedAnswersMax = 10_000;

const granted = { ok: true } as const;

export function createAccess(
  config: Pick<Config, 'roomAccess' | 'roomAccessUrl'>,
  report: (stage: string, error: unknown) => void,
): Access {
  if (config.roomAccess === 'open') return async () => granted;
  if (config.roomAccess === 'claims') {
    return async (user, roomId) => (claims(user, roomId) ? granted : refusal('access_denied'));
  }
  const ask = cached((user: User, roomId: string) =>
    askWebhook(config.roomAccessUrl ?? '', user, roomId),
  );
  return async (user, roomId) => {
    try {
      return (await ask(user, roomId)) ? granted : refusal('access_denied');
    } catch (error) {
      report('room_access', error);
      return refusal('unavailable', 'the room access webhook failed; try again');
    }
  };
}

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

/** Caches answers for a few seconds and coalesces concurrent requests. */
function cached(ask: Ask): Ask {
  const answers = new Map<string, { until: number; answer: Promise<boolean> }>();
  return (user, roomId) => {
    const key = JSON.stringify([user.id, user.role, roomId]);
    const known = answers.get(key);
    if (known && known.until > Date.now()) return known.answer;
    const answer = ask(user, roomId);
    answers.delete(key);
    answers.set(key, { until: Date.now() + cacheTtlMs, answer });
    answer.catch(() => answers.delete(key));
    const [oldest] = answers.keys();
    if (answers.size > cachedAnswersMax && oldest) answers.delete(oldest);
    return answer;
  };
}
