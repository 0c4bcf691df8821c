// What was asked, answered and received in a run, in the order in which the harness saw it.

export interface Publish {
  n: number;
  /** Only `message` is kept and replayed; a `question` carries an acknowledgement. */
  kind: 'message' | 'volatile' | 'direct' | 'question';
  /** Empty: everyone, or with `target` one session. */
  rooms: readonly string[];
  except: readonly string[];
  /** The session that a direct message is for. */
  target?: string;
  /** Its pod had the session and wrote to the transport at once, without Redis. */
  local?: boolean;
  called: number;
  /** When it was answered with `ok`; a question: when its answers were in, or late. */
  acknowledged?: number;
}

export type ClientEvent = { at: number } & (
  | { type: 'connected'; recovered: boolean; sid: string }
  | { type: 'disconnected'; reason: string }
  | { type: 'called'; request: number; action: 'join' | 'leave'; room: string }
  | { type: 'answered'; request: number; ok: boolean }
  | { type: 'received'; n: number; offset: string | undefined }
  /** Anything else that a client takes an offset from. */
  | { type: 'shown'; event: string; offset: string }
  | { type: 'note'; text: string }
);

export interface ClientRecord {
  name: string;
  /** `old`: its session was taken over by a newer connection; `intruder`: tried a stranger's. */
  role: 'client' | 'old' | 'intruder';
  /** What lies before is judged elsewhere: an `old` one shares its past with its successor. */
  judgedFrom: number;
  events: ClientEvent[];
}

export interface Disturbance {
  from: number;
  to: number;
  what: string;
}

export interface History {
  clients: ClientRecord[];
  publishes: Map<number, Publish>;
  disturbances: Disturbance[];
}

export function nameOf(publish: Publish | undefined, n: number): string {
  if (!publish) return `#${n}`;
  const { kind, rooms, except } = publish;
  const to = rooms.length > 0 ? rooms.join('+') : 'everyone';
  const not = except.length > 0 ? ` except ${except.join('+')}` : '';
  return `${kind} #${n} to ${kind === 'direct' ? 'one session' : to}${not}`;
}

/** When it was called and acknowledged. */
export function whenOf({ called, acknowledged }: Publish): string {
  return `called ${called.toFixed(1)}, ${acknowledged?.toFixed(1) ?? 'never acknowledged'}`;
}

export const hasReceived = ({ events }: ClientRecord, n: number): boolean =>
  events.findLastIndex((event) => event.type === 'received' && event.n === n) >= 0;

/** Milliseconds, strictly rising: no two events of a run are at the same time. */
export function createClock(): () => number {
  let last = 0;
  return () => {
    last = Math.max(performance.now(), last + 1e-6);
    return last;
  };
}

/** Marks the time in which something was broken: until `over` is called. */
export function disturbing(disturbances: Disturbance[], now: () => number) {
  return (what: string) => {
    const disturbance = { what, from: now(), to: Infinity };
    disturbances.push(disturbance);
    return function over() {
      disturbance.to = now();
    };
  };
}
