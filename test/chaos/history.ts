// The requests, answers and messages of a run, in the order in which the harness saw them.

export interface Publish {
  n: number;
  /** Only `message` is kept and replayed; a `question` carries an acknowledgement. */
  kind: 'message' | 'volatile' | 'direct' | 'question';
  /** Empty: everyone, or with `target` one session. */
  rooms: readonly string[];
  except: readonly string[];
  /** The session that a direct message is for. */
  target?: string;
  /** Its pod had the session and wrote to the transport directly: only the pod knows it. */
  local?: boolean;
  called: number;
  /** When it was answered with `ok`; for a question, when all answers arrived or timed out. */
  acknowledged?: number;
}

export type ClientEvent = { at: number } /** The transport is open, and asks for the session. */ & (
  | { type: 'opened' }
  | { type: 'connected'; recovered: boolean; sid: string }
  | { type: 'disconnected'; reason: string }
  | { type: 'called'; request: number; action: 'join' | 'leave'; room: string }
  | { type: 'answered'; request: number; ok: boolean }
  | { type: 'received'; n: number; offset: string | undefined }
  /** A number for `socket.data`: sent, and acknowledged. */
  | { type: 'sets' | 'set'; n: number }
  /** The number in `socket.data` after a recovery. */
  | { type: 'data'; n: number }
  /** A user entered a room with a first session, or left it with the last one. */
  | {
      type: 'presence';
      id: string;
      change: 'joined' | 'left';
      room: string;
      user: string;
      offset: string;
    }
  /** Any other packet that carries an offset. */
  | { type: 'shown'; event: string; offset: string }
  | { type: 'note'; text: string }
);

export interface ClientRecord {
  name: string;
  user: string;
  /**
   * `old`: a newer connection took over its session; `intruder`: tried another user's session;
   * `gone`: does not come back. Its last event is when it was lost.
   */
  role: 'client' | 'old' | 'intruder' | 'gone';
  /** Earlier events are judged with its successor, which shares the past of an `old` client. */
  judgedFrom: number;
  events: ClientEvent[];
}

/** What ends sessions: of a user, or one. */
export interface Ending {
  what: string;
  user?: string;
  sid?: string;
  called: number;
  /** They certainly end from then on. Never, if the command may not arrive. */
  acknowledged?: number;
}

/** User ids, as read from a room's presence. */
export interface PresenceRead {
  room: string;
  members: string[];
  called: number;
  answered: number;
}

/** The state at the end, after everything has been mended. */
export interface Final {
  at: number;
  /** The rooms of each socket, by socket id. */
  rooms: Map<string, string[]>;
  /** User ids by room. */
  members: Map<string, string[]>;
}

export interface Disturbance {
  from: number;
  to: number;
  what: string;
  /** Redis's clock stepped forward: it forgets what waits to expire. */
  forgets?: boolean;
}

/** Marks a fault; the returned function ends it. */
export type Disturb = (what: string, more?: Pick<Disturbance, 'forgets'>) => () => void;

export interface History {
  clients: ClientRecord[];
  publishes: Map<number, Publish>;
  disturbances: Disturbance[];
  endings: Ending[];
  reads: PresenceRead[];
  /** The names of clients who could not join a room although everything was mended. */
  refused: string[];
  final?: Final;
}

export const emptyHistory = (disturbances: Disturbance[] = []): History => ({
  clients: [],
  publishes: new Map(),
  disturbances,
  endings: [],
  reads: [],
  refused: [],
});

export function nameOf(publish: Publish | undefined, n: number): string {
  if (!publish) return `#${n}`;
  const { kind, rooms, except } = publish;
  const to = rooms.length > 0 ? rooms.join('+') : 'everyone';
  const not = except.length > 0 ? ` except ${except.join('+')}` : '';
  return `${kind} #${n} to ${kind === 'direct' ? 'one session' : to}${not}`;
}

/** What a pod takes to reconnect to Redis and catch up. */
export const resumeMsMax = 3_000;

/** Whether a pod or Redis was broken between two times, or shortly before them. */
export const isDisturbed = ({ disturbances }: History, start: number, end: number): boolean =>
  disturbances.some(({ from, to }) => from <= end && to + resumeMsMax >= start);

/** What a connection takes at most to be dead without its pod or its client knowing. */
const unnoticedMsMax = 5_000;

/** Whether Redis forgot sessions that waited between two times. */
export const hasForgotten = ({ disturbances }: History, lost: number, back: number): boolean =>
  disturbances.some((one) => one.forgets && one.to + unnoticedMsMax >= lost && one.from <= back);

/** The times of call and acknowledgement. */
export function whenOf({ called, acknowledged }: Publish): string {
  return `called ${called.toFixed(1)}, ${acknowledged?.toFixed(1) ?? 'never acknowledged'}`;
}

export const hasReceived = ({ events }: ClientRecord, n: number): boolean =>
  events.findLastIndex((event) => event.type === 'received' && event.n === n) >= 0;

/** Milliseconds, strictly increasing: no two events of a run have the same time. */
export function createClock(): () => number {
  let last = 0;
  return () => {
    last = Math.max(performance.now(), last + 1e-6);
    return last;
  };
}

/** Marks a fault; `over` ends it. */
export function disturbing(disturbances: Disturbance[], now: () => number): Disturb {
  return (what, more) => {
    const disturbance = { what, from: now(), to: Infinity, ...more };
    disturbances.push(disturbance);
    return function over() {
      disturbance.to = now();
    };
  };
}
