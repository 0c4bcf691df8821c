// Keys of an engine that do not belong to a namespace.

export type Keys = ReturnType<typeof keysOf>;

export const keysOf = (prefix: string) => ({
  /** The id of the newest message. It exists as long as Redis has kept its data. */
  sequence: `${prefix}:sequence`,
  /** The newest position that a process has read. Later messages get larger ids. */
  clock: `${prefix}:clock`,
  /**
   * The id below which Redis has lost messages. Sessions with a smaller position are not restored.
   */
  lowWatermark: `${prefix}:low-watermark`,
  /** The log that stores large messages to several rooms once. The logs of rooms refer to it. */
  shared: `${prefix}:shared`,
  /** A key and a channel per process. The key has the time of its last heartbeat. */
  processes: `${prefix}:process:`,
  /**
   * The last heartbeat of any process, and the last time during which there was none: its start and
   * end. That time does not count for sessions whose process may be alive.
   */
  heartbeats: `${prefix}:heartbeats`,
  /** The formats that each process reads, and the one that all of them have agreed on. */
  formats: `${prefix}:formats`,
});

/** The keys that every script with positions starts with. */
export const positionKeys = ({ sequence, clock, lowWatermark }: Keys) => [
  sequence,
  clock,
  lowWatermark,
];
