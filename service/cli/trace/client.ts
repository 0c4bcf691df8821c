// Requests to the traces of the backend API.
import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import type { readTraceEndpoint, startTraceEndpoint } from '../../api/traces.ts';

const requestMsMax = 5_000;

type Started = z.output<typeof startTraceEndpoint.answer>;
export type Read = z.output<typeof readTraceEndpoint.answer>;

/** The request cannot succeed; the message says what to change. */
export class TraceFailed extends Error {
  override name = 'TraceFailed';
}

/** Nobody answered, or not now: the same request may succeed later. */
export class Unreachable extends Error {
  override name = 'Unreachable';
}

export type TraceClient = ReturnType<typeof createTraceClient>;

export function createTraceClient({ url, apiKey }: { url: string; apiKey: string }) {
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${url}/v1/traces${path}`, {
      method,
      headers: { Authorization: `Bearer ${apiKey}`, 'Content-Type': 'application/json' },
      signal: AbortSignal.timeout(requestMsMax),
      ...(body && { body: JSON.stringify(body) }),
    }).catch((error: Error) => {
      throw new Unreachable(unreachable(url, error));
    });
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    throw failure(url, response.status, answer as Problem);
  };
  return {
    start: (userId: string) => ask('POST', '', { userId }) as Promise<Started>,
    read: (id: string, after: number) => ask('GET', `/${id}?after=${after}`) as Promise<Read>,
    stop: (id: string) => ask('DELETE', `/${id}`),
  };
}

/** Tries again for a while as long as nobody answers; rejects with the last reason. */
export async function persist<T>(
  request: () => Promise<T>,
  { msMax, signal, waiting }: { msMax: number; signal: AbortSignal; waiting(why: string): void },
): Promise<T> {
  const until = performance.now() + msMax;
  for (let first = true; ; first = false) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof Unreachable) || performance.now() > until || signal.aborted)
        throw error;
      if (first) waiting(error.message);
    }
    await sleep(500, undefined, { signal }).catch(() => {});
  }
}

interface Problem {
  code?: string;
  title?: string;
  detail?: string;
}

function failure(url: string, status: number, { code, title, detail }: Problem): Error {
  const sentences: Record<string, string> = {
    trace_off: `Tracing is off at ${url}: set TRACE=on for the service, on every replica`,
    too_many_traces: 'Too many traces are running: end another one, or wait until it has ended',
    trace_ended: 'The trace has ended: its time is over, or nobody read it for too long',
  };
  const sentence = sentences[code ?? ''];
  if (sentence) return new TraceFailed(sentence);
  if (status === 401)
    return new TraceFailed(`${url} rejected the API key; use the API_KEY of the service`);
  if (status === 403) return new TraceFailed(`${url} has no API key: set API_KEY for the service`);
  if (status === 404 || status === 413) {
    // the port for clients accepts no such body
    return new TraceFailed(`${url} has no traces: is it the operations port of Mooring?`);
  }
  const text = `${url} answers ${status}${title ? `: ${title}` : ''}${detail ? `. ${detail}` : ''}`;
  return status >= 500 ? new Unreachable(text) : new TraceFailed(text);
}

function unreachable(url: string, error: Error): string {
  const cause = error.cause as { code?: string; message?: string } | undefined;
  const { host } = new URL(url);
  const texts: Record<string, string> = {
    ECONNREFUSED: `Nothing is listening at ${host}`,
    ENOTFOUND: `The host name ${host} is unknown`,
    EAI_AGAIN: `The host name ${host} cannot be resolved now`,
    ECONNRESET: `${host} closed the connection`,
  };
  if (error.name === 'TimeoutError') return `${host} does not answer`;
  return (
    texts[cause?.code ?? ''] ?? `${host} cannot be reached: ${cause?.message ?? error.message}`
  );
}
