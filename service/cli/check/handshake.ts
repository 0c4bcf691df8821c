// Sends a client's first request by hand: does Engine.IO answer, and which cookies are added?
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';
import { networkFailure, statusFailure } from './failure.ts';
import type { Failure } from './finding.ts';
import type { CheckTarget } from './target.ts';

const answerMsMax = 10_000;

export interface Handshake {
  pingIntervalMs: number;
  pingTimeoutMs: number;
  /** Milliseconds until the answer. */
  tookMs: number;
  /** `Set-Cookie` headers. Mooring sets none, so they come from a proxy. */
  setCookies: string[];
}

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** Opens a session and closes it again. */
export async function shakeHands(target: CheckTarget): Promise<Handshake | Failure> {
  const startedAt = performance.now();
  const address = `${target.origin}${target.path}?EIO=4&transport=polling`;
  let answer: Answer;
  try {
    answer = await ask(target, address, 'GET', {});
  } catch (error) {
    return networkFailure(error as NodeJS.ErrnoException, target.origin);
  }
  const tookMs = performance.now() - startedAt;
  const { status, headers, body } = answer;
  if (status !== 200) return statusFailure(status, String(headers.location ?? body));
  const open = parseOpen(body);
  if (!open)
    return { finding: 'not_engine', detail: `HTTP 200, but not from Engine.IO at ${target.path}` };
  const setCookies = [headers['set-cookie'] ?? []].flat();
  const Cookie = cookieHeader(setCookies);
  // Closes the session; otherwise it times out on the server.
  await ask(target, `${address}&sid=${open.sid}`, 'POST', { Cookie }, '1').catch(() => {});
  const { pingInterval, pingTimeout } = open;
  return { pingIntervalMs: pingInterval, pingTimeoutMs: pingTimeout, tookMs, setCookies };
}

/** The `Cookie` header that a browser would send back. */
export function cookieHeader(setCookies: string[]): string {
  return setCookies.map((cookie) => cookie.split(';', 1)[0]).join('; ');
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

function ask(
  { agent, headers: always }: CheckTarget,
  url: string,
  method: string,
  further: Record<string, string>,
  body?: string,
) {
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
  return new Promise<Answer>((resolve, reject) => {
    const signal = AbortSignal.timeout(answerMsMax);
    const options = { method, headers: { ...always, ...further }, signal, agent: agent ?? false };
    const sent = request(url, options, async (response) => {
      const { statusCode: status = 0, headers } = response;
      text(response).then((body) => resolve({ status, headers, body }), reject);
    });
    sent.on('error', reject).end(body);
  });
}
