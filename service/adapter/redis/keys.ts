// Keys of an engine that belong to no namespace.

export type Keys = ReturnType<typeof keysOf>;

export const keysOf = (prefix: string) => ({
  /** The newest id. */
  sequence: `${prefix}:sequence`,
  /** The low watermark: below it Redis has lost messages, and no session can be restored. */
  floor: `${prefix}:floor`,
  /** A key and a channel for each process; the key lives as long as its sessions are valid. */
  processes: `${prefix}:process:`,
});
