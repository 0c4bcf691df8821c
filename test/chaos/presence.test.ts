// The model of presence and of ended sessions reports what is wrong, and nothing that is allowed.
import { describe, expect, it } from 'vitest';
import {
  type ClientEvent,
  type ClientRecord,
  type Ending,
  emptyHistory,
  type History,
} from './history.ts';
import { judge } from './model.ts';

type Untimed = ClientEvent extends infer E ? (E extends unknown ? Omit<E, 'at'> : never) : never;
type Timed = [at: number, event: Untimed];

const opened: Untimed = { type: 'opened' };
const up = (sid: string): Untimed => ({ type: 'connected', recovered: false, sid });
const back = (sid: string): Untimed => ({ type: 'connected', recovered: true, sid });
const down: Untimed = { type: 'disconnected', reason: 'io server disconnect' };
const calls = (request: number, action: 'join' | 'leave', room = 'r1'): Untimed => ({
  type: 'called',
  request,
  action,
  room,
});
const granted = (request: number): Untimed => ({ type: 'answered', request, ok: true });
const told = (id: string, change: 'joined' | 'left', user = 'alice'): Untimed => ({
  type: 'presence',
  id,
  change,
  room: 'r1',
  user,
  offset: id,
});

const client = (
  name: string,
  user: string,
  events: Timed[],
  role: ClientRecord['role'] = 'client',
): ClientRecord => ({
  name,
  user,
  role,
  judgedFrom: 0,
  events: events.map(([at, event]) => ({ at, ...event }) as ClientEvent),
});

/** In r1 from 2 s. */
const joined = (sid = 'A'): Timed[] => [
  [0, opened],
  [10, up(sid)],
  [1000, calls(1, 'join')],
  [2000, granted(1)],
];
const alice = (more: Timed[] = [], sid = 'A') =>
  client(`client-${sid}`, 'alice', [...joined(sid), ...more]);
const watcher = (events: Timed[]) =>
  client('watcher', 'watcher', [
    [0, opened],
    [1, up('W')],
    [2, calls(9, 'join', 'watch')],
    [3, granted(9)],
    ...events,
  ]);

const found = (clients: ClientRecord[], more: Partial<History> = {}) =>
  judge({ ...emptyHistory(), clients, ...more }).map(({ kind }) => kind);
const atTheEnd = (members: string[], rooms: Record<string, string[]> = { A: ['r1'] }) => ({
  final: { at: 90_000, members: new Map([['r1', members]]), rooms: new Map(Object.entries(rooms)) },
});
const read = (called: number, answered: number, members: string[]) => ({
  reads: [{ room: 'r1', called, answered, members }],
});
const kick = (more: Partial<Ending> = {}) => ({
  endings: [{ what: 'kick', user: 'alice', called: 5000, acknowledged: 6000, ...more }],
});

describe('presence that is read while clients move', () => {
  it('must list who is in, and must not list who is not', () => {
    expect(found([alice()], read(3000, 3100, []))).toEqual(['wrong presence']);
    expect(
      found(
        [
          alice([
            [4000, down],
            [8000, back('A')],
          ]),
        ],
        read(5000, 5100, []),
      ),
    ).toEqual(['wrong presence']);
    expect(found([alice()], read(500, 900, ['alice']))).toEqual(['wrong presence']);
    const left: Timed[] = [
      [3000, calls(2, 'leave')],
      [4000, granted(2)],
    ];
    expect(found([alice(left)], read(5000, 5100, ['alice']))).toEqual(['wrong presence']);
    expect(found([alice(left), alice([], 'B')], read(5000, 5100, []))).toEqual(['wrong presence']);
  });

  it('may do either during a join or a leave, and after the session may have ended', () => {
    for (const members of [[], ['alice']]) {
      expect(found([alice()], read(500, 1500, members))).toEqual([]);
      const leaving = alice([[3000, calls(2, 'leave')]]);
      expect(found([leaving], read(3500, 3600, members))).toEqual([]);
      const kicked = alice([
        [5500, down],
        [6500, opened],
        [7000, up('B')],
      ]);
      expect(found([kicked], { ...read(5600, 8000, members), ...kick() })).toEqual([]);
    }
  });
});

describe('presence at the end', () => {
  it('is that of live sessions, and of sessions that wait', () => {
    const gone = client('gone', 'bob', [...joined('G'), [5000, down]], 'gone');
    expect(found([alice(), gone], atTheEnd(['alice', 'bob']))).toEqual([]);
    expect(found([alice(), gone], atTheEnd(['alice']))).toEqual(['wrong presence']);
    expect(found([alice(), gone], atTheEnd(['bob']))).toEqual(['wrong presence']);
    expect(found([alice()], atTheEnd(['alice', 'nobody']))).toEqual(['wrong presence']);
  });

  it('does not list sessions that were ended or replaced', () => {
    const again: Timed[] = [
      [5500, down],
      [6500, opened],
      [7000, up('B')],
    ];
    const now = { ...atTheEnd(['alice'], { B: [] }), ...kick() };
    expect(found([alice(again)], now)).toEqual(['wrong presence']);
    expect(found([alice(again)], { ...now, ...atTheEnd([], { B: [] }) })).toEqual([]);
    const quit = kick({
      what: 'quit',
      user: undefined,
      sid: 'G',
      acknowledged: undefined,
    } as never);
    const gone = client('gone', 'bob', [...joined('G'), [5001, down]], 'gone');
    expect(found([gone], { ...quit, ...atTheEnd(['bob'], {}) })).toEqual(['wrong presence']);
    const cut = { disturbances: [{ from: 4000, to: 5500, what: 'pod-0: link cut' }] };
    for (const members of [[], ['bob']]) {
      expect(found([gone], { ...quit, ...cut, ...atTheEnd(members, {}) })).toEqual([]);
    }
  });

  it('may list a session that Redis forgot and its pod stored again', () => {
    const again: Timed[] = [
      [5500, down],
      [6500, opened],
      [7000, up('B')],
    ];
    const step = [{ from: 6000, to: 6000, what: 'Redis: clock', forgets: true }];
    for (const members of [[], ['alice']]) {
      const end = atTheEnd(members, { B: [] });
      expect(found([alice(again)], { ...end, disturbances: step })).toEqual([]);
    }
  });

  it('agrees with the rooms of the sockets', () => {
    expect(found([alice()], atTheEnd([], { A: [] }))).toEqual(['wrong rooms']);
    const never = client('never', 'alice', [
      [0, opened],
      [10, up('A')],
    ]);
    expect(found([never], atTheEnd(['alice']))).toEqual(['wrong rooms']);
  });
});

describe('what clients are notified of', () => {
  it('alternates, begins with a join and ends with what presence says', () => {
    const end = atTheEnd(['alice'], { A: ['r1'], W: ['watch'] });
    const judged = (events: Timed[]) => found([alice(), watcher(events)], end);
    const first: Timed = [2000, told('1', 'joined')];
    expect(judged([first])).toEqual([]);
    expect(judged([first, [3000, told('2', 'left')], [4000, told('3', 'joined')]])).toEqual([]);
    expect(judged([])).toEqual(['wrongly told']);
    expect(judged([first, [3000, told('2', 'joined')]])).toEqual(['wrongly told']);
    expect(judged([first, [3000, told('2', 'left')]])).toEqual(['wrongly told']);
    expect(
      judged([
        [2000, told('1', 'left')],
        [3000, told('2', 'joined')],
      ]),
    ).toEqual(['wrongly told']);
    expect(judged([first, [3000, told('1', 'joined')]])).toEqual(['wrongly told']);
    const step = [{ from: 2500, to: 2500, what: 'Redis: clock', forgets: true }];
    const again = watcher([first, [3000, told('1', 'joined')]]);
    expect(found([alice(), again], { ...end, disturbances: step })).toEqual([]);
  });
});

describe('a session that a backend ended', () => {
  const again = (sid: string, event: Untimed): Timed[] => [
    [5500, down],
    [6500, opened],
    [7000, event.type === 'connected' ? event : up(sid)],
  ];

  it('is not recovered by a later attempt', () => {
    expect(found([alice(again('A', back('A')))], kick())).toEqual(['wrongly recovered', 'stuck']);
    expect(found([alice(again('B', up('B')))], kick())).toEqual([]);
  });

  it('is closed', () => {
    const events: Timed[] = [[9000, { type: 'note', text: 'still here' }]];
    expect(found([alice(events)], kick())).toEqual(['stuck']);
    expect(found([alice(events)], kick({ user: 'bob' }))).toEqual([]);
  });

  it('may be recovered by an attempt that began before the answer', () => {
    const early: Timed[] = [
      [5100, down],
      [5900, opened],
      [6100, back('A')],
      [6500, down],
      [7000, opened],
      [7100, up('B')],
    ];
    expect(found([alice(early)], kick())).toEqual([]);
  });

  it('is owed nothing from the call on', () => {
    const events: Timed[] = [
      [5500, down],
      [6500, opened],
      [7000, up('B')],
    ];
    const message = {
      kind: 'message',
      rooms: ['r1'],
      except: [],
      called: 5400,
      acknowledged: 5450,
    };
    const publishes = new Map([[1, { n: 1, ...message }]]) as History['publishes'];
    expect(found([alice(events)], { publishes, ...kick() })).toEqual([]);
    expect(found([alice()], { publishes })).toEqual(['lost']);
  });
});
