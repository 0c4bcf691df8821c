// The model of the chaos harness reports each kind of violation, and nothing that is allowed.
import { describe, expect, it } from 'vitest';
import {
  type ClientEvent,
  type ClientRecord,
  emptyHistory,
  type History,
  type Publish,
} from './history.ts';
import { judge } from './model.ts';

type Untimed = ClientEvent extends infer E ? (E extends unknown ? Omit<E, 'at'> : never) : never;

const down: Untimed = { type: 'disconnected', reason: 'transport close' };
const up = (sid = 'A'): Untimed => ({ type: 'connected', recovered: false, sid });
const back = (sid = 'A'): Untimed => ({ type: 'connected', recovered: true, sid });
const got = (n: number, offset?: string): Untimed => ({ type: 'received', n, offset });
const shown = (offset: string): Untimed => ({ type: 'shown', event: 'welcome', offset });
const calls = (request: number, action: 'join' | 'leave', room = 'r1'): Untimed => ({
  type: 'called',
  request,
  action,
  room,
});
const granted = (request: number): Untimed => ({ type: 'answered', request, ok: true });
const refused = (request: number): Untimed => ({ type: 'answered', request, ok: false });

/** One event per second, unless a time is given. */
function client(events: (Untimed | [number, Untimed])[], role: ClientRecord['role'] = 'client') {
  const timed = events.map((event, i) =>
    Array.isArray(event) ? { at: event[0], ...event[1] } : { at: i * 1000, ...event },
  );
  return { name: 'alice', user: 'alice', role, judgedFrom: 0, events: timed as ClientEvent[] };
}

/** A publish to r1, called and acknowledged around a point in time. */
const message = (n: number, at: number, more: Partial<Publish> = {}): Publish => ({
  n,
  kind: 'message',
  rooms: ['r1'],
  except: [],
  called: at - 10,
  acknowledged: at + 10,
  ...more,
});

function found(clients: ClientRecord[], publishes: Publish[], more: Partial<History> = {}) {
  const byNumber = new Map(publishes.map((publish) => [publish.n, publish]));
  const history: History = { ...emptyHistory(), clients, publishes: byNumber, ...more };
  return judge(history).map(({ kind }) => kind);
}

const step = (at: number) => ({
  disturbances: [{ from: at, to: at, what: 'Redis: clock', forgets: true }],
});

const joined = [up(), calls(1, 'join'), granted(1)]; // at 0, 1 and 2 s
const joinedOther = [...joined, calls(2, 'join', 'r2'), granted(2)]; // to 4 s

describe('the model reports', () => {
  it('a message that a pod wrote directly, unless something was broken', () => {
    const local = { kind: 'direct', rooms: [], target: 'A', local: true } as const;
    const moved = client([...joined, [3800, down], [5000, back()]]);
    for (const one of [client(joined), moved]) {
      expect(found([one], [message(1, 3500, local)])).toEqual(['lost']);
    }
  });

  it('data that is older than what was acknowledged, or that nobody has sent', () => {
    const sets: Untimed[] = [
      { type: 'sets', n: 1 },
      { type: 'set', n: 1 },
      { type: 'sets', n: 2 },
    ];
    const data = (n: number): Untimed => ({ type: 'data', n });
    const kinds = [0, 1, 2, 3].map((n) =>
      found([client([up(), ...sets, down, back(), data(n)])], []),
    );
    expect(kinds).toEqual([['stale data'], [], [], ['stale data']]);
  });

  it('a message that a member lost, live or over a reconnect', () => {
    const publishes = [message(1, 3500), message(2, 5500)];
    expect(found([client([...joined, got(2, '5')])], [])).toEqual(['leaked']);
    const live = client([...joined, [6000, got(2, '5')]]);
    const over = client([...joined, [3000, down], [5000, back()], [6000, got(2, '5')]]);
    const never = client(joined);
    expect(found([live], publishes)).toEqual(['lost']);
    expect(found([over], publishes)).toEqual(['lost']);
    expect(found([never], publishes)).toEqual(['lost', 'lost']);
    expect(found([never], [message(1, 3500, { rooms: [] })])).toEqual(['lost']);
    const direct = { rooms: [], target: 'A', kind: 'direct' } as const;
    expect(found([never], [message(1, 3500, direct)])).toEqual(['lost']);
    expect(found([never], [message(1, 3500, { except: ['r2'] })])).toEqual(['lost']);
    const left = client([...joined, [6000, got(2, '5')], [7000, calls(2, 'leave')]]);
    expect(found([left], publishes)).toEqual(['lost']);
  });

  it('a message of any kind that was delivered twice', () => {
    const twice = (kind: Publish['kind']) =>
      found(
        [client([...joined, [4000, got(1, '5')], [4001, got(1, '5')]])],
        [message(1, 3500, { kind, ...(kind === 'direct' && { target: 'A', rooms: [] }) })],
      );
    for (const kind of ['message', 'volatile', 'direct', 'question'] as const) {
      expect(twice(kind)).toEqual(['duplicated']);
    }
    const unacknowledged = [{ ...message(1, 3500) }];
    delete unacknowledged[0]?.acknowledged;
    const both = client([...joined, got(1, '5'), down, back(), got(1, '5')]);
    expect(found([both], unacknowledged)).toEqual(['duplicated']);
  });

  it('an order that decreases, differs between clients, contradicts time or rewinds', () => {
    const publishes = [message(1, 3500), message(2, 3500, { rooms: ['r2'] })];
    const falls = client([...joinedOther, got(2, '6'), got(1, '5')]);
    expect(found([falls], publishes)).toEqual(['reordered', 'reordered']); // message and offset
    const one = client([...joined, [3600, got(1, '5')]]);
    const other = client([...joined, [3600, got(1, '7')]]);
    expect(found([one, other], [message(1, 3500)])).toEqual(['reordered']);
    const late = [message(1, 3500), message(2, 3000)];
    const inverse = client([...joined, [3600, got(1, '5')], [3700, got(2, '6')]]);
    expect(found([inverse], late)).toEqual(['reordered']);
    const rewinds = client([...joined, [3600, got(1, '5')], down, back(), shown('4')]);
    expect(found([rewinds], [message(1, 3500)])).toEqual(['reordered']);
  });

  it('a message to a client that left, never joined, is excepted, or is not the target', () => {
    const left = client([...joined, calls(2, 'leave'), granted(2), [9000, got(1, '5')]]);
    expect(found([left], [message(1, 8000)])).toEqual(['leaked']);
    expect(found([left], [message(1, 2500)])).toEqual(['leaked']);
    const never = client([up(), [4000, got(1, '5')]]);
    expect(found([never], [message(1, 3500)])).toEqual(['leaked']);
    const before = client([
      up(),
      [5000, calls(1, 'join')],
      [6000, granted(1)],
      [7000, got(1, '5')],
    ]);
    expect(found([before], [message(1, 1000)])).toEqual(['leaked']);
    const excepted = client([...joinedOther, [6000, got(1, '5')]]);
    expect(found([excepted], [message(1, 5500, { except: ['r2'] })])).toEqual(['leaked']);
    const direct = message(1, 3500, { kind: 'direct', rooms: [], target: 'B' });
    expect(found([client([up(), [4000, got(1, '5')]])], [direct])).toEqual(['leaked']);
    expect(found([client([up(), [4000, got(9, '5')]])], [])).toEqual(['leaked']);
    expect(found([client([[4000, got(1, '5')]])], [message(1, 3500)])).toContain('leaked');
  });

  it('a question that is replayed', () => {
    const replayed = client([...joined, [4000, down], [9000, back()], [9500, got(1)]]);
    expect(found([replayed], [message(1, 5000, { kind: 'question' })])).toEqual(['replayed']);
  });

  it('a session that is wrongly recovered or wrongly not recovered', () => {
    expect(found([client([back()])], [])).toEqual(['wrongly recovered']);
    expect(found([client([back()], 'intruder')], [])).toEqual(['wrongly recovered']);
    expect(found([client([up(), down, back('B')])], [])).toEqual(['wrongly recovered']);
    expect(found([client([...joined, down, up('B')])], [])).toEqual(['wrongly not recovered']);
  });

  it('a client that does not reconnect, and an old connection that stays open', () => {
    expect(found([client([up(), down])], [])).toEqual(['stuck']);
    expect(found([client([])], [])).toEqual(['stuck']);
    expect(found([client([up()], 'old')], [])).toEqual(['stuck']);
    expect(found([client([up()])], [], { refused: ['alice'] })).toEqual(['stuck']);
  });
});

describe('the model allows', () => {
  it('a correct run', () => {
    const publishes = [message(1, 3500), message(2, 5000), message(3, 6000)];
    const live = client([...joined, ...[1, 2, 3].map((n) => got(n, `${n}`))]);
    const over = client([...joined, got(1, '1'), down, [7000, back()], [7001, shown('3')]]);
    expect(found([live], publishes)).toEqual([]);
    expect(found([over], publishes)).toEqual(['lost', 'lost']);
    over.events.splice(-1, 0, { at: 7000.1, ...got(2, '2') } as ClientEvent);
    over.events.splice(-1, 0, { at: 7000.2, ...got(3, '3') } as ClientEvent);
    expect(found([over], publishes)).toEqual([]);
  });

  it('either outcome while a join, a leave or a publish is unanswered', () => {
    const open = [up(), calls(1, 'join')];
    expect(found([client(open)], [message(1, 3500)])).toEqual([]);
    expect(found([client([...open, [4000, got(1, '5')]])], [message(1, 3500)])).toEqual([]);
    const no = [...open, refused(1)];
    expect(found([client(no)], [message(1, 3500)])).toEqual([]);
    expect(found([client([...no, [4000, got(1, '5')]])], [message(1, 3500)])).toEqual([]);
    const leaving = [...joined, calls(2, 'leave')];
    expect(found([client(leaving)], [message(1, 3500)])).toEqual([]);
    expect(found([client([...leaving, [4000, got(1, '5')]])], [message(1, 3500)])).toEqual([]);
    const unacknowledged = message(1, 3500);
    delete unacknowledged.acknowledged;
    expect(found([client(joined)], [unacknowledged])).toEqual([]);
  });

  it('either outcome of a request after the granted one', () => {
    const open = [up(), calls(1, 'join'), calls(2, 'leave'), granted(1)]; // to 3 s
    const failed = [...open, refused(2)];
    for (const events of [open, failed]) {
      expect(found([client(events)], [message(1, 5500)])).toEqual([]);
      expect(found([client([...events, [6000, got(1, '5')]])], [message(1, 5500)])).toEqual([]);
    }
    const again = [...failed, calls(3, 'join'), granted(3)]; // to 6 s
    expect(found([client(again)], [message(1, 7500)])).toEqual(['lost']);
  });

  it('losing volatile messages, questions, and what only a broken pod knew', () => {
    const lossy = ['volatile', 'question'] as const;
    const publishes = lossy.map((kind, i) => message(i + 1, 3500, { kind }));
    const local = { kind: 'direct', rooms: [], target: 'A', local: true } as const;
    const killed = { disturbances: [{ from: 3600, to: 3700, what: 'pod 0: SIGKILL' }] };
    const moved = client([...joined, [3800, down], [5000, back()]]);
    expect(found([moved], [...publishes, message(3, 3500, local)], killed)).toEqual([]);
  });

  it('a new session if the old one may have been lost with its pod', () => {
    expect(found([client([up(), down, up('B')])], [])).toEqual([]);
  });

  it('a new session after Redis forgot who was disconnected', () => {
    const away = client([...joined, down, up('B')]); // from 3 to 4 s
    expect(found([away], [], step(3500))).toEqual([]);
    for (const at of [-3000, 4500]) {
      expect(found([away], [], step(at))).toEqual(['wrongly not recovered']);
    }
  });

  it('messages that the pod had not seen yet when the client joined', () => {
    const late = client([up(), calls(1, 'join'), granted(1), [2500, got(1, '5')]]);
    expect(found([late], [message(1, 500)])).toEqual([]);
    const outage = [{ from: 4000, to: 8000, what: 'Redis' }];
    const after = client([up(), [8500, calls(1, 'join')], [8600, granted(1)], [8700, got(1, '5')]]);
    expect(found([after], [message(1, 4500)], { disturbances: outage })).toEqual([]);
    expect(found([after], [message(1, 4500)])).toEqual(['leaked']);
  });

  it('an old connection to stay open if Redis forgot the session during the takeover', () => {
    const old = { ...client([...joined, got(1, '5')], 'old'), judgedFrom: 2500 }; // up to 3 s
    expect(found([old], [message(1, 2900)], step(2600))).toEqual([]);
    for (const at of [-3000, 4500]) {
      expect(found([old], [message(1, 2900)], step(at))).toEqual(['stuck']);
    }
  });

  it('an old connection to receive what it shares with its successor', () => {
    const old = client([...joined, got(1, '5'), got(1, '5'), down], 'old');
    expect(found([{ ...old, judgedFrom: 4500 }], [message(1, 2900)])).toEqual([]);
  });
});
