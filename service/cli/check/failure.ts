// Translates errors of sockets, proxies and socket.io-client into findings.
import type { Failure } from './finding.ts';

const textMax = 80;

/** The connection failed before any HTTP answer. */
export function networkFailure(error: NodeJS.ErrnoException, origin: string): Failure {
  const first = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const { code = '', message } = first as NodeJS.ErrnoException;
  const host = new URL(origin).host;
  const texts: Record<string, string> = {
    ECONNREFUSED: `nothing is listening on ${host}`,
    ENOTFOUND: `the host name ${host} does not exist`,
    EAI_AGAIN: `the host name ${host} cannot be resolved right now`,
    ETIMEDOUT: `${host} does not answer`,
    ABORT_ERR: `${host} does not answer`,
    EHOSTUNREACH: `no route to ${host}`,
    ECONNRESET: `${host} reset the connection`,
  };
  const isTls = /CERT|TLS|SSL|SELF_SIGNED|ISSUER/.test(code) || /SSL|wrong version/.test(message);
  if (isTls) return { finding: 'tls', detail: `TLS with ${host} failed: ${code || message}` };
  return { finding: 'unreachable', detail: texts[code] ?? `${host}: ${shorten(message)}` };
}

/** An HTTP answer with an unexpected status. */
export function statusFailure(status: number, text: string): Failure {
  const detail = `HTTP ${status}${text && `: ${shorten(text)}`}`;
  if (/Session ID unknown/.test(text)) {
    return { finding: 'no_affinity', detail: `Session ID unknown (HTTP ${status})` };
  }
  if (status >= 300 && status < 400) return { finding: 'redirected', detail };
  if (status === 401 || status === 403) return { finding: 'forbidden', detail };
  if (status === 404) return { finding: 'not_found', detail };
  if (status === 502 || status === 504) return { finding: 'no_upstream', detail };
  if (status === 503) return { finding: 'unavailable', detail };
  return { finding: 'not_engine', detail };
}

interface ClientError extends Error {
  type?: string;
  data?: { code?: string };
  description?: number | { message?: string; error?: Error };
  context?: { responseText?: string; statusText?: unknown };
}

/** The error of socket.io-client's `connect_error`. */
export function clientFailure(error: ClientError, origin: string): Failure {
  const { data, description, context, message } = error;
  if (data?.code) return { finding: 'token_refused', detail: `refused: ${data.code}` };
  if (message === 'timeout') return { finding: 'silent', detail: 'no answer before the timeout' };
  if (error.type !== 'TransportError') {
    return { finding: 'not_mooring', detail: `refused: ${shorten(message)}` };
  }
  if (typeof description === 'number' && description > 0) {
    return statusFailure(description, context?.responseText ?? '');
  }
  if (typeof description === 'object') return webSocketFailure(description, origin);
  const cause = context?.statusText;
  if (cause instanceof Error) return networkFailure(cause, origin);
  return { finding: 'broken_off', detail: shorten(message) };
}

function webSocketFailure(event: { message?: string; error?: Error }, origin: string): Failure {
  const status = Number(/response: (\d+)/.exec(event.message ?? '')?.[1]);
  // Without the upgrade headers Engine.IO answers 400.
  if ([200, 400, 426, 501].includes(status)) {
    return { finding: 'upgrade_dropped', detail: `HTTP ${status} instead of 101` };
  }
  if (status) return statusFailure(status, 'instead of 101');
  return networkFailure(event.error ?? new Error(event.message), origin);
}

function shorten(text: string): string {
  const line = text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > textMax ? `${line.slice(0, textMax)}...` : line;
}
