// Asks as browsers do, on behalf of a page: with its origin, a preflight, and credentials.
import { clientSite, parseCookie } from './cookie.ts';
import { networkFailure, statusFailure } from './failure.ts';
import { type Failure, fails, holds, type Result, skipped } from './finding.ts';
import { type Answer, ask, askForPolling, askForWebSocket, handshakeAddress } from './request.ts';
import type { CheckTarget } from './target.ts';

/** Engine.IO's answers to an origin that the service does not allow: 403 to polling, else 400. */
const originRefused = /^(\{"code":4,.*\}|Forbidden)$/;

/** A page that the service itself, or another server on the same origin, has sent. */
export async function tryPage(target: CheckTarget): Promise<Result> {
  const name = 'page';
  const { origin } = target;
  const find = async () =>
    (await refusalOf(target, origin, 'host_changed')) ?? (await webSocketFailure(target, origin));
  const failure = await find().catch((error) => networkFailure(error, target.origin));
  if (failure) return fails(name, failure.finding, failure.detail);
  return holds(name, `accepted with Origin: ${origin}`);
}

/** A page on another origin: the browser also checks the headers of CORS. */
export async function tryCrossOrigin(
  target: CheckTarget,
  origin: string | undefined,
  setCookies: string[],
): Promise<Result> {
  const name = 'cross-origin';
  if (!origin) return skipped(name, 'no page is named with --origin');
  const find = async () =>
    (await refusalOf(target, origin, 'origin_refused')) ??
    (await preflightFailure(target, origin)) ??
    (await webSocketFailure(target, origin)) ??
    cookieFailure(target, origin, setCookies);
  const failure = await find().catch((error) => networkFailure(error, target.origin));
  if (failure) return fails(name, failure.finding, failure.detail);
  return holds(name, `accepted from ${origin}, with a preflight and credentials`);
}

/** @param finding for an origin that the service does not allow */
async function refusalOf(
  target: CheckTarget,
  origin: string,
  finding: 'host_changed' | 'origin_refused',
): Promise<Failure | undefined> {
  const answer = await askForPolling(target, { Origin: origin });
  const { status, body } = answer;
  if (originRefused.test(body)) return { finding, detail: `HTTP ${status} to Origin: ${origin}` };
  if (status !== 200) return statusFailure(status, body);
  return finding === 'origin_refused' ? corsFailure(answer, origin) : undefined;
}

async function preflightFailure(target: CheckTarget, origin: string): Promise<Failure | undefined> {
  const answer = await ask(target, handshakeAddress(target, 'polling'), 'OPTIONS', {
    Origin: origin,
    'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': 'content-type',
  });
  if (answer.status < 200 || answer.status > 299) {
    return { finding: 'preflight_refused', detail: `HTTP ${answer.status} to OPTIONS` };
  }
  return corsFailure(answer, origin);
}

/** Only if a WebSocket works without an origin: otherwise the origin is not the cause. */
async function webSocketFailure(target: CheckTarget, origin: string): Promise<Failure | undefined> {
  if ((await askForWebSocket(target, {})).status !== 101) return undefined;
  const { status, body } = await askForWebSocket(target, { Origin: origin });
  if (status === 101) return undefined;
  const detail = `HTTP ${status} to a WebSocket with Origin: ${origin}`;
  if (!originRefused.test(body)) return { finding: 'forbidden', detail };
  return { finding: origin === target.origin ? 'host_changed' : 'origin_refused', detail };
}

/** Why a browser would hide the answer from a page that sends credentials. */
function corsFailure({ headers }: Answer, origin: string): Failure | undefined {
  const allowed = headers['access-control-allow-origin'];
  const credentials = headers['access-control-allow-credentials'];
  const detail = `Access-Control-Allow-Origin: ${allowed ?? '(missing)'}`;
  if (allowed === '*') return { finding: 'cors_wildcard', detail };
  if (allowed?.includes(',')) return { finding: 'cors_twice', detail };
  if (allowed !== origin) return { finding: 'cors_missing', detail };
  if (credentials === 'true') return undefined;
  return {
    finding: credentials ? 'cors_twice' : 'cors_missing',
    detail: `Access-Control-Allow-Credentials: ${credentials ?? '(missing)'}`,
  };
}

/** Requests to another site carry a cookie only with SameSite=None. */
function cookieFailure(
  target: CheckTarget,
  origin: string,
  setCookies: string[],
): Failure | undefined {
  if (clientSite(origin) === clientSite(target.origin)) return undefined;
  const kept = setCookies.map(parseCookie);
  const strict = kept.find(({ sameSite }) => sameSite?.toLowerCase() !== 'none');
  if (!strict) return undefined;
  const { name, sameSite = 'Lax, the default' } = strict;
  return { finding: 'cookie_same_site', detail: `${name}: SameSite=${sameSite}` };
}
