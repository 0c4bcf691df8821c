// What one client went through since the measurement began. Plain data, judged by judge.ts.

export interface ClientRecord {
  client: number;
  transports: string[];
  /** Times are epoch milliseconds. */
  disconnects: { at: number; reason: string }[];
  /** Each connect after the first. */
  returns: { at: number; awayMs: number; recovered: boolean }[];
  connectErrors: { at: number; kind: string }[];
  /** Answers of 400 and above, of all requests: those of a connect are connect errors too. */
  httpErrors: { at: number; kind: string }[];
  /** In the order of the first visit; the first is where the measurement found it. */
  pods: string[];
  /** Where it is connected now; undefined while it is away. */
  pod: string | undefined;
  /** The numbers of its room's messages, as they arrived. */
  numbers: number[];
}

export const createRecord = (client: number, transports: string[]): ClientRecord => ({
  client,
  transports,
  disconnects: [],
  returns: [],
  connectErrors: [],
  httpErrors: [],
  pods: [],
  pod: undefined,
  numbers: [],
});

/** Begins anew, with the numbers from `firstNumber` on: they may have come already. */
export function resetRecord(record: ClientRecord, firstNumber: number): void {
  const { client, transports, pod } = record;
  const numbers = record.numbers.filter((number) => number >= firstNumber);
  const pods = pod === undefined ? [] : [pod];
  Object.assign(record, createRecord(client, transports), { pod, pods, numbers });
}
