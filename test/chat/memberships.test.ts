// One suite for both implementations of memberships, and what several processes do to them.
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Memberships, Untold } from '../../service/stores/memberships.ts';
import { buildClocks } from '../harness/clock.ts';
import { until } from '../harness/service.ts';
import {
  confirm,
  implementations,
  membersOf,
  onRedis,
  redis,
  session,
  short,
  write,
} from './stored.ts';

describe.each(Object.entries(implementations))('memberships in %s', (_, create) => {
  it('show each user once and tell of the first session in a room and the last', async () => {
    const memberships = await create();
    const tab = session('s1', 'alice', ['r']);
    const otherTab = session('s2', 'alice', ['r', 'x']);
    expect(await write(memberships, tab, session('s3', 'bob', ['r']))).toEqual({
      outcomes: ['ok', 'ok'],
      changes: ['alice joined r', 'bob joined r'],
    });
    expect((await write(memberships, otherTab)).changes).toEqual(['alice joined x']);
    expect((await write(memberships, otherTab, tab)).changes).toEqual([]);
    expect(await membersOf(memberships, 'r')).toEqual(['alice', 'bob']);
    expect((await write(memberships, { ...tab, rooms: [] })).changes).toEqual([]);
    const left = await write(memberships, { ...otherTab, state: 'ended' });
    expect(left.changes.sort()).toEqual(['alice left r', 'alice left x']);
    expect(await membersOf(memberships, 'r')).toEqual(['bob']);
    expect(await membersOf(memberships, 'empty')).toEqual([]);
  });

  it('end a waiting session after the recovery window, unless it is claimed', async () => {
    const memberships = await create();
    const [alice, bob] = [session('s1', 'alice', ['r']), session('s2', 'bob', ['r'])];
    await write(memberships, alice, bob);
    await write(memberships, { ...alice, state: 'waiting' }, { ...bob, state: 'waiting' });
    expect(await membersOf(memberships, 'r')).toEqual(['alice', 'bob']);
    const claimed = { ...bob, epoch: 2, state: 'claimed' as const };
    expect(await write(memberships, claimed)).toEqual({ outcomes: ['ok'], changes: [] });
    const changes: string[] = [];
    await until('alice has left', async () => {
      const { untold } = await memberships.sweep([]);
      changes.push(...short(untold));
      return changes.length > 0;
    });
    expect(changes).toEqual(['alice left r']);
    expect(await membersOf(memberships, 'r')).toEqual(['bob']);
  });

  it('refuse what a process writes after another one has claimed the session', async () => {
    const memberships = await create();
    const alice = session('s1', 'alice', ['r']);
    await write(memberships, alice);
    await write(memberships, session('s1', 'alice', ['r', 'x'], { epoch: 2, state: 'claimed' }));
    for (const state of ['live', 'waiting', 'ended'] as const) {
      const late = await write(memberships, { ...alice, rooms: [], state });
      expect(late).toEqual({ outcomes: ['taken'], changes: [] });
    }
    expect(await membersOf(memberships, 'x')).toEqual(['alice']);
  });

  it('end the sessions of users and sockets that wait, and let none be claimed', async () => {
    const memberships = await create();
    const waiting = { state: 'waiting' } as const;
    await write(memberships, session('s1', 'alice', ['r']), session('s2', 'alice', ['x']));
    await write(memberships, session('s3', 'bob', ['r']), session('s4', 'carol', ['r']));
    await write(memberships, session('s1', 'alice', ['r'], waiting));
    await write(memberships, session('s3', 'bob', ['r'], waiting));
    const { untold: ended } = await memberships.end(['alice'], ['s3']);
    expect(short(ended).sort()).toEqual(['alice left r', 'bob left r']);
    await confirm(memberships, ended);
    expect(await membersOf(memberships, 'r')).toEqual(['carol']);
    expect(await membersOf(memberships, 'x')).toEqual(['alice']); // its process will close it
    const claim = { epoch: 2, state: 'claimed' } as const;
    for (const late of [
      session('s1', 'alice', ['r'], claim),
      session('s2', 'alice', ['x'], claim),
      session('s3', 'bob', ['r'], claim),
    ]) {
      expect((await write(memberships, late)).outcomes).toEqual(['refused']);
    }
    expect(await membersOf(memberships, 'x')).toEqual([]);
    expect(await membersOf(memberships, 'r')).toEqual(['carol']);
  });
});

describe('memberships over several processes', () => {
  it('end what a process leaves behind, and tell of it once', async () => {
    const shared = await redis();
    const dead = onRedis(shared, 'dead', 0);
    const here = onRedis(shared, 'here', 0);
    await write(dead, session('s1', 'alice', ['r']), session('s2', 'bob', ['r']));
    await write(here, session('s3', 'bob', ['r']));
    const changes: string[] = [];
    await until('alice has left', async () => {
      const { untold } = await here.sweep([]);
      changes.push(...short(untold));
      return changes.length > 0;
    });
    expect(changes).toEqual(['alice left r']);
    expect(await membersOf(here, 'r')).toEqual(['bob']);
  });

  it('end the sessions of a user although their process has just died', async () => {
    const shared = await redis();
    const [dead, alive] = [onRedis(shared, 'dead', 60_000), onRedis(shared, 'alive', 60_000)];
    await write(dead, session('s1', 'alice', ['r']), session('s2', 'bob', ['r']));
    await write(alive, session('s3', 'carol', ['r']));
    const { untold } = await alive.end(['alice', 'carol'], []);
    expect(untold).toEqual([]); // their processes may be about to close them
    const changes: string[] = [];
    await until('it is noticed', async () => {
      changes.push(...short((await alive.sweep([])).untold));
      return changes.length > 0;
    });
    expect(changes).toEqual(['alice left r']);
    expect(await membersOf(alive, 'r')).toEqual(['bob', 'carol']);
  });

  it('tell what nobody has told, although the clock of Redis was set back', async ({ skip }) => {
    const clocks = buildClocks();
    if (!clocks) return skip('the clock of a process cannot be set on this machine');
    onTestFinished(clocks.remove);
    const clock = clocks.create('redis');
    const shared = await redis(clock.env);
    const [dead, alive] = [onRedis(shared, 'dead', 60_000), onRedis(shared, 'alive', 60_000)];
    const users = ['alice', 'bob', 'carol', 'dave', 'erin']; // the last ones come as a diff
    const sessions = users.map((user, i) => session(`s${i}`, user, ['r']));
    await dead.write(sessions);
    clock.step(-3_600_000);
    const told = new Set<string>();
    await until('it is told', async () => {
      const { untold, diffs } = await alive.sweep([]);
      for (const change of short(untold)) told.add(change);
      for (const { roomId } of diffs) told.add(`diff of ${roomId}`);
      return told.size > 3;
    });
    expect([...told].sort()).toEqual([
      'alice joined r',
      'bob joined r',
      'carol joined r',
      'diff of r',
    ]);
  });

  it('move with the claim: who leaves on one process after a move has left at once', async () => {
    const shared = await redis();
    const [a, b] = ['a', 'b'].map((id) => onRedis(shared, id, 60_000)) as [
      Memberships,
      Memberships,
    ];
    await write(a, session('s1', 'alice', ['r']));
    await write(b, session('s1', 'alice', ['r'], { epoch: 2, state: 'claimed' }));
    await write(b, session('s1', 'alice', ['r', 'x'], { epoch: 2 }));
    await write(a, session('s1', 'alice', ['r', 'x'], { epoch: 3, state: 'claimed' }));
    const left = await write(a, session('s1', 'alice', [], { epoch: 3, state: 'ended' }));
    expect(left.changes.sort()).toEqual(['alice left r', 'alice left x']);
    const ghost = await write(b, session('s1', 'alice', ['r'], { epoch: 2 }));
    expect(ghost).toEqual({ outcomes: ['taken'], changes: [] });
    expect(await membersOf(a, 'r')).toEqual([]);
  });

  it('hand changes that nobody confirmed to another process, in their order', async () => {
    const shared = await redis();
    const silent = onRedis(shared, 'silent', 60_000);
    const here = onRedis(shared, 'here', 60_000);
    const joined = await silent.write([session('s1', 'alice', ['r'])]);
    const left = await silent.write([session('s1', 'alice', [])]);
    expect(short(left.untold)).toEqual(['alice joined r', 'alice left r']);
    expect(left.untold[0]?.changes[0]).toEqual(joined.untold[0]?.changes[0]);
    let found: Untold[] = [];
    await until('here takes them over', async () => {
      found = (await here.sweep([])).untold;
      return found.length > 0;
    });
    expect(found).toEqual(left.untold);
    await confirm(here, found);
    expect(await shared.run((client) => client.zCard('mooring:{stores}:untold-since'))).toBe(0);
  });

  it('are written again, without telling, after Redis has lost everything', async () => {
    const shared = await redis();
    const memberships = onRedis(shared, 'here', 60_000);
    await write(memberships, session('s1', 'alice', ['r']));
    await shared.run((client) => client.flushAll());
    const { forgotten } = await memberships.sweep([]);
    expect(forgotten).toBe(true);
    const known = { rooms: [{ roomId: 'r', isNew: false, presence: '' }] };
    expect((await write(memberships, session('s1', 'alice', [], known))).changes).toEqual([]);
    expect(await membersOf(memberships, 'r')).toEqual(['alice']);
    expect((await memberships.sweep([])).forgotten).toBe(false);
  });

  it('are written and told again by a process that was taken for dead', async () => {
    const shared = await redis();
    const frozen = onRedis(shared, 'frozen', 0);
    const here = onRedis(shared, 'here', 0);
    await frozen.sweep([]);
    await write(frozen, session('s1', 'alice', ['r']));
    let untold: Untold[] = [];
    await until('it is taken for dead', async () => {
      ({ untold } = await here.sweep([]));
      return untold.length > 0;
    });
    await confirm(here, untold);
    expect((await frozen.sweep([])).forgotten).toBe(true);
    const known = { rooms: [{ roomId: 'r', isNew: false, presence: '' }] };
    const again = await write(frozen, session('s1', 'alice', [], known));
    expect(again.changes).toEqual(['alice joined r']);
    expect(await membersOf(here, 'r')).toEqual(['alice']);
  });
});
