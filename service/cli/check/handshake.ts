// Sends a client's first request by hand: does Engine.IO answer, and which cookies are added?
import { networkFailure, statusFailure } from './failure.ts';
import type { Failure } from './finding.ts';
import { type Answer, askForPolling } from './request.ts';
import type { CheckTarget } from './target.ts';

export interface Handshake {
  pingIntervalMs: number;
  pingTimeoutMs: number;
  /** Milliseconds until the answer. */
  tookMs: number;
  /** `Set-Cookie` headers. Mooring sets none, so they come from a proxy. */
  setCookies: string[];
}

/** Opens a session and closes it again. */
export async function shakeHands(target: CheckTarget): Promise<Handshake | Failure> {
  let answer: Answer;
  try {
    answer = await askForPolling(target, {});
  } catch (error) {
    return networkFailure(error as NodeJS.ErrnoException, target.origin);
  }
  const { status, headers, body, tookMs } = answer;
  if (status !== 200) return statusFailure(status, String(headers.location ?? body));
  const open = parseOpen(body);
  if (!open)
    return { finding: 'not_engine', detail: `HTTP 200, but not from Engine.IO at ${target.path}` };
  const setCookies = [headers['set-cookie'] ?? []].flat();
  const { pingInterval, pingTimeout } = open;
  return { pingIntervalMs: pingInterval, pingTimeoutMs: pingTimeout, tookMs, setCookies };
}

/** The Engine.IO open packet: a 0 followed by JSON. */
function parseOpen(body: string) {
  try {
    const open = body.startsWith('0{') ? JSON.parse(body.slice(1)) : {};
    return typeof open.sid === 'string' && Number(open.pingInterval) > 0 ? open : undefined;
  } catch {
    return undefined;
  }
}
