// Names of keys, logs and channels. Namespaces are escaped to prevent collisions, such as between
// the room `x` of `/a:room` and the room `room:x` of `/a`.

/** The prefix of everything that belongs to one namespace. */
export const scopeOf = (prefix: string, namespace: string) =>
  `${prefix}:${namespace.replace(/[%:]/g, encodeURIComponent)}:`;

/** The pseudo-room of all sockets of a namespace. */
export const everyone = '*';
/** Socket ids are rooms, too. They share one channel, so that a connect needs no subscription. */
export const isDirect = (room: string) => /^[\w-]{20}$/.test(room);
/** A placeholder for any socket id. */
export const anyDirect = '-'.repeat(20);

export interface Names {
  /** The channel that all rooms of single sockets share. */
  direct: string;
  logOf(room: string): string;
  channelOf(room: string): string;
}

export function namesOf(prefix: string, namespace: string): Names {
  const scope = scopeOf(prefix, namespace);
  const direct = `${scope}direct`;
  return {
    direct,
    logOf: (room) => `${scope}log:${room}`,
    channelOf: (room) => (isDirect(room) ? direct : `${scope}room:${room}`),
  };
}
