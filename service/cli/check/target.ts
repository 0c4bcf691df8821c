// The address that clients connect to.
import { lookup } from 'node:dns';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

export interface CheckTarget {
  /** Scheme, host and port. */
  origin: string;
  /** The path of Socket.IO, with a slash at both ends. */
  path: string;
  /** Connect to this host instead of the one in the origin. */
  agent?: HttpAgent;
  /** Sent with every request. */
  headers: Record<string, string>;
}

interface Way {
  /** The host to connect to, if DNS does not resolve the one in the URL. */
  connectTo?: string | undefined;
  headers?: Record<string, string>;
}

/** @throws if it is not an http or https URL */
export function parseTarget(text: string, { connectTo, headers = {} }: Way = {}): CheckTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new Error(`${text} is not a URL that starts with http:// or https://`);
  }
  const prefix = url.pathname.replace(/\/+$/, '').replace(/\/socket\.io$/, '');
  const target = { origin: url.origin, path: `${prefix}/socket.io/`, headers };
  return connectTo ? { ...target, agent: agentTo(connectTo, url.protocol) } : target;
}

/** The Host header and the TLS server name stay those of the URL. */
function agentTo(host: string, protocol: string): HttpAgent {
  const Agent = protocol === 'https:' ? HttpsAgent : HttpAgent;
  return new Agent({ lookup: (_name, options, done) => lookup(host, options, done) });
}
