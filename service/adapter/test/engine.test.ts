// The contract of an engine, run against Redis and memory.
import { createClient } from '@redis/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../../../test/harness/redis.ts';
import { until } from '../../../test/harness/service.ts';
import { formats } from '../delivery/formats.ts';
import type { EngineSource, Publication } from '../engine/engine.ts';
import { createMemoryStore, memorySource } from '../engine/memory/engine.ts';
import { redisSource } from '../engine/redis/engine.ts';
import { locatorOf } from '../engine/redis/locate.ts';
import { type AdapterOptions, defaultOptions } from '../options.ts';

type Open = (options: AdapterOptions) => Promise<() => EngineSource>;

const kinds: [string, Open][] = [
  [
    'Redis',
    async (options) => {
      const server = await startRedis();
      const client = createClient({ url: server.url });
      return () => redisSource(locatorOf(client), options);
    },
  ],
  [
    'memory',
    async (options) => {
      const store = createMemoryStore(options);
      return () => memorySource(options, store);
    },
  ],
];

const later = '9'.repeat(16);
const limits = { messagesMax: 1_000, bytesMax: 1_000_000, upTo: later };
const noId = '0'.repeat(16);
const message = (text: string, more: Partial<Publication> = {}): Publication => ({
  payload: Buffer.from(text),
  messages: 1,
  logs: ['log'],
  channels: ['channel'],
  ...more,
});

describe.each(kinds)('the engine of %s', (_, open) => {
  /** Two engines on the same store, like those of two processes. */
  async function twoEngines(given: Partial<AdapterOptions> = {}) {
    const limitsReached: string[] = [];
    const observer = {
      ...defaultOptions.observer,
      limitReached: (limit: string) => limitsReached.push(limit),
    };
    const options = { ...defaultOptions, key: 'test', ...given, observer };
    const source = await open(options);
    const claimed: unknown[] = [];
    const received: string[] = []; // what the clients of each process have received
    const opened = await Promise.all(
      [0, 1].map(async (process) => {
        const up = Promise.withResolvers<void>();
        const opened = source().open('test', {
          up: up.resolve,
          down() {},
          alive() {},
          received: () => received[process] ?? noId,
          forgot() {},
          claimed(key, epoch) {
            claimed.push({ process, ...key, epoch });
            return `known to process ${process}`;
          },
          unreadable() {},
          formatLowered() {},
        });
        onTestFinished(() => opened.connection.close());
        await up.promise;
        const publish = (all: Publication[]) => opened.engine.publish(all, formats.newest);
        return { ...opened, engine: { ...opened.engine, publish } };
      }),
    );
    const [one, other] = opened as [(typeof opened)[0], (typeof opened)[0]];
    return { one, other, engine: one.engine, claimed, received, limitsReached };
  }

  describe('publishes', () => {
    it('with rising ids, to every process that listens, in the same order', async () => {
      const { one, other } = await twoEngines();
      const heard: string[][] = [[], []];
      for (const [i, { engine }] of [one, other].entries()) {
        await engine.subscribe('channel', 'log', (id, text) => heard[i]?.push(`${id} ${text}`))
          .ready;
      }
      const outcomes = await Promise.all([
        one.engine.publish([message('a'), message('b')]),
        other.engine.publish([message('c')]),
      ]);
      const ids = outcomes.flat().map(({ id }) => id);
      for (const id of ids) expect(id).toMatch(/^\d{16}$/);
      expect(new Set(ids).size).toBe(3);
      await until('all arrive', () => heard.every(({ length }) => length === 3));
      expect(heard[0]).toEqual(heard[1]);
      expect(heard[0]).toEqual([...(heard[0] ?? [])].sort());
    });

    it('a message without a log also without an id', async () => {
      const { engine } = await twoEngines();
      const heard: string[] = [];
      await engine.subscribe('channel', undefined, (id) => heard.push(id)).ready;
      const [outcome] = await engine.publish([message('volatile', { logs: [] })]);
      expect(outcome).toEqual({ id: noId, first: true, conflict: false, result: '' });
      await until('it arrives', () => heard.length > 0);
      expect(heard).toEqual([noId]);
    });

    it('the names of several rooms along with a message', async () => {
      const { engine } = await twoEngines();
      const heard: unknown[] = [];
      const receive = (_id: string, text: Buffer, rooms?: string[]) =>
        heard.push([String(text), rooms]);
      await engine.subscribe('channel', 'log', receive).ready;
      await engine.publish([message('several', { rooms: ['ä', 'b'] }), message('one')]);
      await until('both arrive', () => heard.length === 2);
      expect(heard).toEqual([
        ['several', ['ä', 'b']],
        ['one', undefined],
      ]);
    });

    it('once for an idempotency key, and nothing if it was used with another content', async () => {
      const { engine, other } = await twoEngines();
      const heard: string[] = [];
      await engine.subscribe('channel', 'log', (_id, text) => heard.push(String(text))).ready;
      const once = { key: 'test:once', ms: 60_000, digest: 'content', result: 'first' };
      const record = {
        key: 'test:record',
        value: 'first',
        entriesMax: 10,
        bytesMax: 1_000,
        ms: 60_000,
      };
      const [first] = await engine.publish([message('a', { once, record })]);
      const again = { once: { ...once, result: 'second' }, record: { ...record, value: 'second' } };
      const changed = { once: { ...once, digest: 'another' }, record };
      const [second, conflict, plain] = await other.engine.publish([
        message('b', again),
        message('changed', changed),
        message('c'),
      ]);
      expect(first).toMatchObject({ first: true, conflict: false, result: 'first' });
      expect(second).toEqual({ ...first, first: false });
      expect(conflict).toEqual({ ...first, first: false, conflict: true, result: '' });
      expect(plain?.first).toBe(true);
      await until('the last arrives', () => heard.includes('c'));
      expect(heard).toEqual(['a', 'c']);
      const all = { entriesMax: 10, bytesMax: 1_000 };
      const recorded = await engine.readRecord('test:record', '+', all);
      expect(recorded.values.map(({ value }) => value)).toEqual(['first']);
    });

    it('nothing more to a subscription that is closed', async () => {
      const { engine } = await twoEngines();
      const heard: string[] = [];
      const closing = engine.subscribe('channel', 'log', (_id, text) => heard.push(String(text)));
      await closing.ready;
      await engine.publish([message('a')]);
      await until('it arrives', () => heard.length === 1);
      closing.close();
      const kept: string[] = [];
      await engine.subscribe('other', 'log', (_id, text) => kept.push(String(text))).ready;
      await engine.publish([message('b'), message('c', { channels: ['other'] })]);
      await until('the other arrives', () => kept.length === 1);
      expect(heard).toEqual(['a']);
    });
  });

  it('subscribes from a position on: what is published after it arrives', async () => {
    const { engine, other } = await twoEngines();
    const [before] = await other.engine.publish([message('before')]);
    const heard: string[] = [];
    const position = await engine.subscribe('channel', 'log', (id) => heard.push(id)).ready;
    const [after] = await other.engine.publish([message('after')]);
    await until('it arrives', () => heard.length > 0);
    expect(heard).toEqual([after?.id]);
    const now = await engine.position();
    const ids = [before?.id ?? '', position, after?.id ?? '', now];
    expect(ids).toEqual(ids.toSorted());
    expect(new Set([position, after?.id]).size).toBe(2);
  });

  it('subscribes from an id on if nothing was published since', async () => {
    const { engine, other } = await twoEngines();
    const after = await engine.position();
    const startOf = (channel: string, log: string) =>
      engine.subscribe(channel, log, () => {}, after).ready;
    expect((await startOf('channel', 'log')) >= after).toBe(true);
    const [published] = await other.engine.publish([message('published', { logs: ['busy'] })]);
    expect((await startOf('second', 'busy')) >= (published?.id ?? '')).toBe(true);
  });

  it('tells positions that rise, and gives larger ids to later messages', async () => {
    const { engine, other } = await twoEngines();
    const positions = [await engine.position()];
    for (let n = 0; n < 100; n += 1) {
      positions.push(await other.engine.position());
      const [outcome] = await engine.publish([message('a')]);
      positions.push(outcome?.id ?? '');
    }
    expect(positions).toEqual([...new Set(positions)].sort());
  });

  describe('keeps logs', () => {
    const texts = (part: unknown) =>
      ((part as { entries: { payload: Buffer }[] }).entries ?? []).map(({ payload }) =>
        String(payload),
      );

    it('of which it reads several, each after an id', async () => {
      const { engine } = await twoEngines();
      const start = await engine.position();
      const [a, , c] = await engine.publish([
        message('a', { logs: ['log', 'second'] }),
        message('b'),
        message('c', { logs: ['second'] }),
      ]);
      const parts = await engine.readLogs(
        [
          { log: 'log', after: start },
          { log: 'second', after: a?.id ?? '' },
          { log: 'second', after: c?.id ?? '' },
          { log: 'none', after: start },
        ],
        limits,
      );
      expect(parts.map(texts)).toEqual([['a', 'b'], ['c'], [], []]);
      expect(parts.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok', 'ok']);
    });

    it('for a limited time: what is older than that may have been dropped', async () => {
      const { engine } = await twoEngines({ recoveryMsMax: 1_000, noticeMsMax: 1_000 });
      const now = Number(await engine.position());
      const ago = (ms: number) => String(now - ms * 1000).padStart(16, '0');
      const [outcome] = await engine.publish([message('first')]);
      const read = async (log: string, after: string) =>
        (await engine.readLogs([{ log, after }], limits))[0]?.status;
      for (const log of ['log', 'none']) {
        expect(await read(log, ago(0))).toBe('ok');
        expect(await read(log, ago(3_600_000))).toBe('trimmed');
      }
      expect(await read('log', outcome?.id ?? '')).toBe('ok');
    });

    it('that have a message to several rooms, which counts once', async () => {
      const { engine } = await twoEngines();
      const logs = Array.from({ length: 1_200 }, (_, n) => `log-${n}`);
      const after = await engine.position();
      await engine.publish([
        message('x'.repeat(50_000), { logs, channels: [] }),
        message('y', { logs: logs.slice(0, 2), channels: [] }),
      ]);
      const once = { ...limits, messagesMax: 2, bytesMax: 50_001 };
      const positions = logs.map((log) => ({ log, after }));
      const parts = await engine.readLogs(positions, once);
      expect(new Set(parts.map(({ status }) => status))).toEqual(new Set(['ok']));
      expect(new Set(parts.map((part) => texts(part)[0]?.length))).toEqual(new Set([50_000]));
      expect(parts.map((part) => texts(part)[1]).filter(Boolean)).toEqual(['y', 'y']);
      const tooSmall = { ...once, bytesMax: 50_000 };
      const [first] = await engine.readLogs(positions, tooSmall);
      expect(first?.status).toBe('too_much');
    });

    it('bounded in entries: what was dropped reads as trimmed', async () => {
      const { engine } = await twoEngines({ logEntriesMax: 10 });
      const start = await engine.position();
      const ids: string[] = [];
      for (let n = 0; n < 250; n += 1) {
        const [outcome] = await engine.publish([message(String(n))]);
        ids.push(outcome?.id ?? '');
      }
      const positions = [start, ids[247] as string].map((after) => ({ log: 'log', after }));
      const [whole, tail] = await engine.readLogs(positions, limits);
      expect(whole?.status).toBe('trimmed');
      expect(texts(tail)).toEqual(['248', '249']);
    });

    it('bounded in bytes, and says when they are reached', async () => {
      const { engine, limitsReached } = await twoEngines({ logBytesMax: 50_000 });
      const after = await engine.position();
      for (let n = 0; n < 20; n += 1) await engine.publish([message('x'.repeat(10_000))]);
      const [part] = await engine.readLogs([{ log: 'log', after }], limits);
      expect(part?.status).toBe('trimmed');
      expect(limitsReached).toContain('log_bytes');
    });

    it('of which it reads no more than it is allowed to', async () => {
      const { engine } = await twoEngines();
      const count = 30;
      const after = await engine.position();
      const published = Array.from({ length: count }, () => message('x'.repeat(100)));
      const { id: upTo = '' } = (await engine.publish(published)).at(-1) ?? {};
      const read = async (given: typeof limits) =>
        (await engine.readLogs([{ log: 'log', after }], given))[0]?.status;
      expect(await read({ ...limits, messagesMax: count })).toBe('ok');
      expect(await read({ ...limits, messagesMax: count - 1 })).toBe('too_much');
      expect(await read({ ...limits, bytesMax: 100 * count })).toBe('ok');
      expect(await read({ ...limits, bytesMax: 100 * count - 1 })).toBe('too_much');
      await engine.publish(published); // meanwhile
      expect(await read({ messagesMax: count, bytesMax: 100 * count, upTo })).toBe('ok');
      expect(await read({ messagesMax: count, bytesMax: 200 * count, upTo: later })).toBe(
        'too_much',
      );
    });

    it('of thousands of rooms, of which it reads those that have something new', async () => {
      const { engine } = await twoEngines();
      const after = await engine.position();
      const logs = Array.from({ length: 3_000 }, (_, n) => `log-${n}`);
      const some = logs.filter((_, n) => n % 7 === 0);
      for (const log of some) void engine.publish([message(log, { logs: [log], channels: [] })]);
      await engine.publish([message('last')]);
      const parts = await engine.readLogs(
        logs.map((log) => ({ log, after })),
        limits,
      );
      expect(parts.flatMap(texts)).toEqual(some);
    });
  });

  it('reads the newest of a record, before an id', async () => {
    const { engine } = await twoEngines();
    const record = { key: 'test:record', entriesMax: 4, bytesMax: 1_000_000, ms: 60_000 };
    const outcomes = await engine.publish(
      ['a', 'b', 'c', 'd', 'e'].map((value) => message(value, { record: { ...record, value } })),
    );
    const valuesOf = async (before: string, entriesMax: number, bytesMax = 1_000) => {
      const page = await engine.readRecord('test:record', before, { entriesMax, bytesMax });
      return page.values.map(({ value }) => value);
    };
    expect(await valuesOf('+', 10)).toEqual(['e', 'd', 'c', 'b']);
    expect(await valuesOf('+', 2)).toEqual(['e', 'd']);
    expect(await valuesOf('+', 10, 3)).toEqual(['e', 'd', 'c']);
    expect(await valuesOf(outcomes[3]?.id ?? '', 2)).toEqual(['c', 'b']);
  });

  describe('keeps sessions', () => {
    const key = { namespace: '/', pid: 'pid', user: 'alice' };
    const session = {
      ...key,
      epoch: 1,
      state: '{"n":1}',
      format: formats.newest,
      whole: true,
      joined: [['room', noId]] as [string, string][],
      left: [] as string[],
      confirmed: noId as string | undefined,
      goneMs: undefined as number | undefined,
    };
    const gone = { ...session, goneMs: 0 };
    /** What a process writes that has claimed the session, before the client has answered. */
    const claimedOnly = { ...session, epoch: 2, whole: false, joined: [], confirmed: undefined };

    it('that another process claims, which notifies the first and fences it off', async () => {
      const { engine, other, claimed } = await twoEngines();
      expect(await engine.saveSession(session)).toBe('saved');
      const claim = await other.engine.claimSession(key);
      const { state, joined } = session;
      const handover = 'known to process 0';
      expect(claim).toMatchObject({ ok: true, epoch: 2, state, joined, handover });
      await until('the first process is notified', () => claimed.length > 0);
      expect(claimed).toEqual([{ process: 0, namespace: '/', pid: 'pid', epoch: 2 }]);
      expect(await engine.saveSession({ ...gone, state: '{"n":2}' })).toBe('taken');
      await engine.deleteSession(key, 1);
      expect(await engine.claimSession(key)).toMatchObject({ ok: true, state: session.state });
    });

    it('for their user alone', async () => {
      const { engine } = await twoEngines();
      await engine.saveSession(gone);
      const stranger = await engine.claimSession({ ...key, user: 'mallory' });
      expect(stranger).toEqual({ ok: false, why: 'refused' });
      expect(await engine.claimSession({ ...key, pid: 'other' })).toEqual({
        ok: false,
        why: 'unknown',
      });
      expect(await engine.claimSession(key)).toMatchObject({ ok: true });
    });

    it('of each namespace apart from the others, whatever their names', async () => {
      const { engine } = await twoEngines();
      await engine.saveSession({ ...gone, namespace: '/a:session' });
      const other = { ...key, namespace: '/a', pid: 'session:pid' };
      expect(await engine.claimSession(other)).toEqual({ ok: false, why: 'unknown' });
    });

    it('until they are deleted', async () => {
      const { engine } = await twoEngines();
      await engine.saveSession(session);
      await engine.deleteSession(key, 1);
      expect(await engine.claimSession(key)).toEqual({ ok: false, why: 'unknown' });
    });

    it('for the recovery window after the socket went', async () => {
      const { engine } = await twoEngines({ recoveryMsMax: 20 });
      await engine.saveSession(gone);
      const savedAt = performance.now();
      await until('the window is over', () => performance.now() - savedAt > 40);
      expect(await engine.claimSession(key)).toEqual({ ok: false, why: 'expired' });
    });

    it('for the window since the first loss, whoever claims them and fails meanwhile', async () => {
      const { engine, other } = await twoEngines({ recoveryMsMax: 1_000 });
      await engine.saveSession({ ...session, goneMs: 900 });
      const lostAt = performance.now() - 900;
      let epoch = 1;
      let claim = await other.engine.claimSession(key);
      while (claim.ok && performance.now() - lostAt < 60_000) {
        epoch = claim.epoch;
        await other.engine.saveSession({ ...claimedOnly, epoch });
        await other.engine.saveSession({ ...claimedOnly, epoch, goneMs: 0 });
        claim = await engine.claimSession(key);
      }
      expect(epoch).toBeGreaterThan(1);
      expect(claim).toEqual({ ok: false, why: 'expired' });
    });

    it('for a new window once the client has confirmed that it is back', async () => {
      const { engine, other } = await twoEngines({ recoveryMsMax: 60_000 });
      await engine.saveSession({ ...session, goneMs: 59_000 });
      expect(await other.engine.claimSession(key)).toMatchObject({ ok: true, epoch: 2 });
      await other.engine.saveSession({ ...claimedOnly, confirmed: noId });
      await other.engine.saveSession({ ...claimedOnly, confirmed: noId, goneMs: 30_000 });
      expect(await engine.claimSession(key)).toMatchObject({ ok: true, epoch: 3 });
      await engine.saveSession({ ...claimedOnly, epoch: 3, goneMs: 0 });
      expect(await other.engine.claimSession(key)).toMatchObject({ ok: true, epoch: 4 });
    });

    it('and the newest id that their client has confirmed', async () => {
      const { engine, other } = await twoEngines();
      const [early, late] = [await engine.position(), await engine.position()];
      const receivedOf = async (from: typeof engine) => {
        const claim = await from.claimSession(key);
        return claim.ok ? claim.received : claim.why;
      };
      await engine.saveSession({ ...session, confirmed: late });
      await engine.saveSession({ ...gone, whole: false, confirmed: early });
      expect(await receivedOf(other.engine)).toBe(late);
      await other.engine.saveSession({ ...claimedOnly, goneMs: 0 });
      expect(await receivedOf(engine)).toBe(late);
    });

    it('and what all clients of their last process have certainly received', async () => {
      const { one, other, received } = await twoEngines();
      const { engine } = one;
      const id = await engine.position();
      received[0] = id;
      await engine.saveSession(session);
      await until('the process has said so', async () => {
        const claim = await other.engine.claimSession({ ...key, pid: 'another' });
        expect(claim.ok).toBe(false);
        await engine.saveSession({ ...session, pid: 'another' });
        const known = await other.engine.claimSession({ ...key, pid: 'another' });
        await other.engine.deleteSession({ ...key, pid: 'another' }, 2);
        return known.ok && known.received === id;
      });
      expect(await other.engine.claimSession(key)).toMatchObject({ ok: true, received: id });
      received[1] = String(Number(id) + 1);
      await until('the other has said so', async () => {
        await other.engine.saveSession({ ...session, pid: 'another' });
        const known = await engine.claimSession({ ...key, pid: 'another' });
        await engine.deleteSession({ ...key, pid: 'another' }, 2);
        return known.ok && known.received === received[1];
      });
      // Its client has not answered the process that claimed it.
      expect(await engine.claimSession(key)).toMatchObject({ ok: true, received: id });
    });

    it('of which a write changes single rooms', async () => {
      const { engine, other } = await twoEngines();
      const joined = ['a', 'b', 'room:c'].map((room) => [room, noId] as [string, string]);
      await engine.saveSession({ ...session, joined });
      const id = await engine.position();
      const changes = {
        joined: [
          ['b', id],
          ['d', id],
        ] as [string, string][],
        left: ['a'],
      };
      expect(await engine.saveSession({ ...session, whole: false, ...changes })).toBe('saved');
      const claim = await other.engine.claimSession(key);
      expect(claim.ok && claim.joined.toSorted()).toEqual([
        ['b', id],
        ['d', id],
        ['room:c', noId],
      ]);
    });

    it('of which it asks for the whole if it does not know it', async () => {
      const { engine } = await twoEngines();
      const change = { ...session, whole: false };
      expect(await engine.saveSession(change)).toBe('incomplete');
      await engine.saveSession(session);
      expect(await engine.saveSession({ ...change, epoch: 2 })).toBe('incomplete');
      expect(await engine.saveSession({ ...session, epoch: 2 })).toBe('saved');
      expect(await engine.saveSession({ ...change, epoch: 2 })).toBe('saved');
    });

    it('against being claimed again and again from a live connection', async () => {
      const { engine } = await twoEngines({ takeoversMax: 3 });
      await engine.saveSession(session);
      for (let n = 0; n < 3; n += 1) {
        expect(await engine.claimSession(key)).toMatchObject({ ok: true });
      }
      expect(await engine.claimSession(key)).toEqual({ ok: false, why: 'limited' });
    });

    it('of one user up to a number: the first to expire is evicted', async () => {
      const { engine, limitsReached } = await twoEngines({ sessionsPerUserMax: 2 });
      await engine.saveSession({ ...gone, pid: 'gone' });
      await engine.saveSession({ ...session, pid: 'live' });
      expect(limitsReached).toEqual([]);
      await engine.saveSession({ ...session, pid: 'new' });
      expect(limitsReached).toEqual(['sessions_per_user']);
      const why = async (pid: string) => (await engine.claimSession({ ...key, pid })).ok;
      expect([await why('gone'), await why('live'), await why('new')]).toEqual([false, true, true]);
    });
  });

  it('carries requests between servers, by channel and by pattern', async () => {
    const { one, other } = await twoEngines();
    const heard: string[] = [];
    other.bus.listen('request#/#', (text, channel) => heard.push(`${channel} ${text}`), false);
    other.bus.listen('test#*', (text, channel) => heard.push(`${channel} ${text}`), true);
    await until('it listens', async () => (await one.bus.listeners('request#/#')) === 1);
    await until('the pattern is heard', async () => {
      await one.bus.publish('test#/#room#', 'broadcast');
      return heard.length > 0;
    });
    heard.length = 0;
    await one.bus.publish('elsewhere', 'nothing');
    await one.bus.publish('request#/#', 'ask');
    await until('it arrives', () => heard.includes('request#/# ask'));
    expect(heard.filter((text) => text.includes('nothing'))).toEqual([]);
  });
});
