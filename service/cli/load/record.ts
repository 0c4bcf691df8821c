// What one client experienced since the start of the measurement: plain data for judge.ts.

export interface ClientRecord {
  client: number;
  transports: string[];
  /** Times are epoch milliseconds. */
  disconnects: { at: number; reason: string }[];
  /** Each connect after the first. */
  returns: { at: number; reconnectMs: number; recovered: boolean }[];
  connectErrors: { at: number; kind: string }[];
  /** HTTP answers of 400 and above; those during a connect are also connect errors. */
  httpErrors: { at: number; kind: string }[];
  /** In the order of the first visit, starting with the pod at the start of the measurement. */
  pods: string[];
  /** The pod it is connected to; undefined while it is not connected. */
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

/** Restarts the record, keeping numbers from `firstNumber` on: they may have arrived already. */
export function resetRecord(record: ClientRecord, firstNumber: number): void {
  const { client, transports, pod } = record;
  const numbers = record.numbers.filter((number) => number >= firstNumber);
  const pods = pod === undefined ? [] : [pod];
  Object.assign(record, createRecord(client, transports), { pod, pods, numbers });
}
