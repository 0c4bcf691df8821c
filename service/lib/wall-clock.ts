// The clock of this host, which may step. It is for dates alone. Intervals use `performance.now()`,
// and dates that processes compare use the clock of the stores. Only here is `Date` permitted.

/** Epoch milliseconds. */
export const wallClockMs = (): number => Date.now();

/** Epoch milliseconds as ISO 8601. */
export const isoOf = (epochMs: number): string => new Date(epochMs).toISOString();

/** Epoch milliseconds of a text in a format of HTTP or ISO 8601, or NaN. */
export const epochMsOf = (text: string): number => Date.parse(text);
