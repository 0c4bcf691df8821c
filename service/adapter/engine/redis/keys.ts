// Keys of an engine that do not belong to a namespace.

export type Keys = ReturnType<typeof keysOf>;

export const keysOf = (prefix: string) => ({
  /** The newest id. */
  sequence: `${prefix}:sequence`,
  /**
   * The id below which Redis has lost messages. Sessions with a smaller position are not restored.
   */
  lowWatermark: `${prefix}:low-watermark`,
  /** A key and a channel per process. Its sessions are valid as long as the key exists. */
  processes: `${prefix}:process:`,
  /** The formats that each process reads, and the one that all of them have agreed on. */
  formats: `${prefix}:formats`,
});
