// A way into the service: the address that clients are given.

export interface Door {
  /** Scheme, host and port. */
  origin: string;
  /** The path of Socket.IO there, with a slash at both ends. */
  path: string;
}

/** @throws with a sentence when it is no http or https URL */
export function parseDoor(text: string): Door {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new Error(`${text} is no URL that starts with http:// or https://`);
  }
  const prefix = url.pathname.replace(/\/+$/, '').replace(/\/socket\.io$/, '');
  return { origin: url.origin, path: `${prefix}/socket.io/` };
}
