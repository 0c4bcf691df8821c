// Requests by hand: a stock client hides headers, and outside of browsers it sends no Origin.
import { type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';
import type { CheckTarget } from './target.ts';

const answerMsMax = 10_000;
const webSocket = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'bW9vcmluZyBjaGVjayBrZXk=',
};

type Headers = Record<string, string>;

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  /** Milliseconds until the answer was complete. */
  tookMs: number;
}

/** An address of Engine.IO that opens a session. */
export const handshakeAddress = ({ origin, path }: CheckTarget, transport: string) =>
  `${origin}${path}?EIO=4&transport=${transport}`;

export function ask(
  { agent = false, headers: always }: { agent?: RequestOptions['agent']; headers?: Headers },
  url: string,
  method: string,
  headers: Headers,
  body?: string,
): Promise<Answer> {
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
  const startedAt = performance.now();
  const tookMs = () => performance.now() - startedAt;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(answerMsMax);
    const sent = request(
      url,
      { method, headers: { ...always, ...headers }, signal, agent },
      (response) => {
        const { statusCode: status = 0, headers } = response;
        const end = (body: string) => resolve({ status, headers, body, tookMs: tookMs() });
        text(response).then(end, reject);
      },
    );
    sent.on('upgrade', ({ headers }, socket) => {
      socket.destroy();
      resolve({ status: 101, headers, body: '', tookMs: tookMs() });
    });
    sent.on('error', reject).end(body);
  });
}

/** Opens a polling session, and closes it again: otherwise it times out on the server. */
export async function askForPolling(target: CheckTarget, headers: Headers): Promise<Answer> {
  const address = handshakeAddress(target, 'polling');
  const answer = await ask(target, address, 'GET', headers);
  const [, sid] = /^0\{"sid":"([\w-]+)"/.exec(answer.body) ?? [];
  const Cookie = cookieHeader([answer.headers['set-cookie'] ?? []].flat());
  if (sid) await ask(target, `${address}&sid=${sid}`, 'POST', { Cookie }, '1').catch(() => {});
  return answer;
}

/** The `Cookie` header that sends them back. */
export function cookieHeader(setCookies: string[]): string {
  return setCookies.map((cookie) => cookie.split(';', 1)[0]).join('; ');
}

/** Status 101 if the WebSocket opens; it is closed at once. */
export const askForWebSocket = (target: CheckTarget, headers: Headers): Promise<Answer> =>
  ask(target, handshakeAddress(target, 'websocket'), 'GET', { ...headers, ...webSocket });
