// A way into the service: the address that clients are given.
import { lookup } from 'node:dns';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

export interface Door {
  /** Scheme, host and port. */
  origin: string;
  /** The path of Socket.IO there, with a slash at both ends. */
  path: string;
  /** Connects to another host than the one of the origin. */
  agent?: HttpAgent;
}

/**
 * @param connectTo the host to connect to, where DNS does not know that of the URL
 * @throws with a sentence when it is no http or https URL
 */
export function parseDoor(text: string, connectTo?: string): Door {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new Error(`${text} is no URL that starts with http:// or https://`);
  }
  const prefix = url.pathname.replace(/\/+$/, '').replace(/\/socket\.io$/, '');
  const door = { origin: url.origin, path: `${prefix}/socket.io/` };
  return connectTo ? { ...door, agent: agentTo(connectTo, url.protocol) } : door;
}

/** The Host header and the name for TLS stay those of the URL. */
function agentTo(host: string, protocol: string): HttpAgent {
  const Agent = protocol === 'https:' ? HttpsAgent : HttpAgent;
  return new Agent({ lookup: (_name, options, done) => lookup(host, options, done) });
}
