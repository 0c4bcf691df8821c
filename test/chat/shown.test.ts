// One suite for both implementations of memberships: what users show in a room, pages and diffs.
import { describe, expect, it } from 'vitest';
import {
  type Diff,
  diffNamesMax,
  type Memberships,
  type SessionWrite,
} from '../../service/stores/memberships.ts';
import { until } from '../harness/service.ts';
import { confirm, implementations, membersOf, onRedis, redis, session, write } from './stored.ts';

/** A session in the room `r` that shows something there. */
const showing = (sid: string, userId: string, presence: string, rest: Partial<SessionWrite> = {}) =>
  session(sid, userId, [], { rooms: [{ roomId: 'r', isNew: true, presence }], ...rest });

/** What the room `r` sees of each user. */
const shownOf = async (memberships: Memberships) => {
  const { members } = await memberships.page('r', { limit: 1_000 });
  return Object.fromEntries(members.map(({ userId, presence }) => [userId, presence]));
};

async function nextDiff(memberships: Memberships): Promise<Diff> {
  let found: Diff[] = [];
  await until('a diff is due', async () => {
    found = (await memberships.sweep([])).diffs;
    return found.length > 0;
  });
  expect(found).toHaveLength(1);
  const diff = found[0] as Diff;
  await memberships.sweep([{ key: diff.key, id: diff.id }]);
  return { ...diff, joined: diff.joined.toSorted(byUser), left: diff.left.toSorted() };
}

const byUser = (a: { userId: string }, b: { userId: string }) => (a.userId < b.userId ? -1 : 1);

const crowd = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => session(`s${from + i}`, `user-${from + i}`, ['r']));

describe.each(Object.entries(implementations))('presence in %s', (_, create) => {
  it('shows what the newest session of a user says, and then what another one said', async () => {
    const memberships = await create();
    expect((await write(memberships, session('s1', 'alice', ['r']))).changes).toEqual([
      'alice joined r',
    ]);
    const updated = ['alice updated r'];
    const [tab, otherTab] = [showing('s1', 'alice', '{"n":1}'), showing('s2', 'alice', '{"n":2}')];
    expect((await write(memberships, tab)).changes).toEqual(updated);
    expect((await write(memberships, tab)).changes).toEqual([]);
    expect((await write(memberships, otherTab)).changes).toEqual(updated);
    expect(await shownOf(memberships)).toEqual({ alice: '{"n":2}' });
    const { untold } = await memberships.write([{ ...otherTab, state: 'ended' }]);
    expect(untold[0]?.changes).toMatchObject([{ type: 'updated', presence: '{"n":1}' }]);
    await confirm(memberships, untold);
    expect(await shownOf(memberships)).toEqual({ alice: '{"n":1}' });
    expect((await write(memberships, showing('s1', 'alice', ''))).changes).toEqual(updated);
    expect(await shownOf(memberships)).toEqual({ alice: '' });
    await write(memberships, showing('s1', 'alice', '{"n":3}'));
    await write(memberships, { ...tab, state: 'ended' });
    expect(await shownOf(memberships)).toEqual({});
  });

  it('moves with the claim, to a process that does not know it', async () => {
    const memberships = await create();
    await write(memberships, showing('s1', 'alice', '{"n":1}'));
    const asked = session('s1', 'alice', ['r'], { epoch: 2, keepsPresence: true });
    const { outcomes, untold, kept } = await memberships.write([{ ...asked, state: 'claimed' }]);
    expect({ outcomes, untold, kept }).toEqual({
      outcomes: ['ok'],
      untold: [],
      kept: [new Map([['r', '{"n":1}']])],
    });
    expect((await write(memberships, { ...asked, state: 'waiting' })).changes).toEqual([]);
    expect(await shownOf(memberships)).toEqual({ alice: '{"n":1}' });
  });

  it('is read in pages, in the byte order of user ids, while members come and go', async () => {
    const memberships = await create();
    const users = ['zoe', 'Émile', 'alice', '😀', '\uffee', 'bob', 'Zed'];
    await write(memberships, ...users.map((user, i) => session(`s${i}`, user, ['r'])));
    const sorted = ['Zed', 'alice', 'bob', 'zoe', 'Émile', '\uffee', '😀'];
    expect(await membersOf(memberships, 'r')).toEqual(sorted);
    const { count, members } = await memberships.page('r', { limit: 3 });
    expect([count, members.map(({ userId }) => userId)]).toEqual([7, sorted.slice(0, 3)]);
    await write(memberships, session('s5', 'bob', [], { state: 'ended' }));
    const rest = await memberships.page('r', { after: 'bob', limit: 1_000 });
    expect(rest.members.map(({ userId }) => userId)).toEqual(sorted.slice(3));
    expect(rest.count).toBe(6);
    expect(await memberships.page('empty', { limit: 1 })).toEqual({ count: 0, members: [] });
  });

  it('is told of in diffs in a room above the limit, each user once', async () => {
    const memberships = await create();
    expect((await write(memberships, ...crowd(0, 3))).changes).toHaveLength(3);
    expect((await write(memberships, ...crowd(3, 5))).changes).toEqual([]);
    await write(memberships, showing('s0', 'user-0', '{"n":1}'));
    await write(memberships, session('s4', 'user-4', [], { state: 'ended' }));
    const plain = { roomId: 'r', isComplete: true };
    expect(await nextDiff(memberships)).toMatchObject({
      ...plain,
      count: 4,
      joined: [
        { userId: 'user-0', presence: '{"n":1}' },
        { userId: 'user-3', presence: '' },
      ],
      left: ['user-4'],
    });
    await write(memberships, session('s3', 'user-3', [], { state: 'ended' }));
    const left = (await write(memberships, session('s2', 'user-2', []))).changes;
    expect(left).toEqual(['user-2 left r']); // the room is small again
  });

  it('names only some of very many changes, and counts all', async () => {
    const memberships = await create();
    const members = diffNamesMax + 4;
    const all = crowd(0, members);
    while (all.length > 0) await memberships.write(all.splice(0, 100));
    const diff = await nextDiff(memberships);
    expect(diff).toMatchObject({ count: members, isComplete: false });
    expect(diff.joined).toHaveLength(diffNamesMax);
    await write(memberships, ...crowd(members, members + 1));
    expect(await nextDiff(memberships)).toMatchObject({ count: members + 1, isComplete: true });
  });

  it('says when a user was last connected', async () => {
    const memberships = await create();
    const startedAt = Date.now();
    await write(memberships, session('s1', 'alice', ['r']));
    expect(await memberships.lastSeen('alice')).toBe(0);
    await write(memberships, session('s1', 'alice', ['r'], { state: 'waiting' }));
    const lost = await memberships.lastSeen('alice');
    expect(lost).toBeGreaterThanOrEqual(startedAt);
    await until('the window is over', async () => {
      await memberships.sweep([]);
      return (await membersOf(memberships, 'r')).length === 0;
    });
    expect(await memberships.lastSeen('alice')).toBe(lost);
    await write(memberships, session('s2', 'bob', ['r']));
    await write(memberships, session('s2', 'bob', ['r'], { state: 'ended' }));
    expect(await memberships.lastSeen('bob')).toBeGreaterThanOrEqual(lost);
  });
});

describe('diffs over several processes', () => {
  it('hand a diff that nobody confirmed to another process, with its id', async () => {
    const shared = await redis();
    const silent = onRedis(shared, 'silent', 60_000);
    const here = onRedis(shared, 'here', 60_000);
    await silent.write(crowd(0, 5));
    const [first] = (await silent.sweep([])).diffs;
    expect(first).toMatchObject({ count: 5 });
    expect((await here.sweep([])).diffs).toEqual([]);
    await here.write(crowd(5, 6)); // comes with the next diff
    let found: Diff[] = [];
    await until('here takes it over', async () => {
      found = (await here.sweep([])).diffs;
      return found.length > 0;
    });
    expect(found).toEqual([{ ...first, count: 6 }]);
    await here.sweep(found.map(({ key, id }) => ({ key, id })));
    expect((await nextDiff(here)).joined).toEqual([{ userId: 'user-5', presence: '' }]);
    const left = await shared.run((client) => client.zCard('mooring:{stores}:diffs'));
    expect(left).toBe(0);
  });
});
