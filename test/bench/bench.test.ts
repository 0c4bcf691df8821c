// The parts of the benchmark measure what they claim.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startChild } from '../../bench/child.ts';
import { type Kind, startFleet, total } from '../../bench/fleet.ts';
import { readFrames, textFrame } from '../../bench/frames.ts';
import { startRedis } from '../../bench/redis.ts';
import { type Row, withTable } from '../../bench/report.ts';
import { summarize } from '../../bench/statistics.ts';
import { apiKey, contestants, jwtSecret, startServer } from '../../bench/whole/contestants.ts';
import { mintToken } from '../../service/auth/tokens.ts';
import { until } from '../harness/processes.ts';

async function running(kind: Kind, rooms: string[]) {
  const load = await startChild('load.ts');
  const fleet = await startFleet(kind, 2);
  onTestFinished(async () => {
    await Promise.all([load.stop(), fleet.stop()]);
  });
  const plans = rooms.map((room, i) => ({ port: fleet.ports[i % 2], auth: { room } }));
  await load.call('open', { plans, ordered: true });
  await until('all have joined', async () => {
    const counts = await Promise.all(fleet.pods.map((pod) => pod.call<number>('joined')));
    return counts.reduce((sum, count) => sum + count) === rooms.length;
  });
  return { load, fleet };
}

describe('a fleet under load', () => {
  it.each(['stock', 'ours'] as const)('of %s delivers to members only, once', async (kind) => {
    const { load, fleet } = await running(kind, ['a', 'a', 'b', 'b', 'b']);
    const before = await fleet.cost();
    const turns = { turns: 10, perTurn: 4, everyMs: 1, oneRoomPerTurn: true };
    await fleet.publisher.call('publish', { rooms: ['a', 'b'], ...turns });
    await load.call('arrived', 20 * 2 + 20 * 3);
    await fleet.publisher.call('publish', { rooms: ['nobody'], ...turns });
    await fleet.publisher.call('publish', { rooms: ['a'], ...turns, silent: true });
    expect(await load.call('received')).toMatchObject({ received: 100 });
    const after = await fleet.cost();
    expect(total(after)).toBeGreaterThan(total(before));
    expect(after.redis).toBeGreaterThan(before.redis);
  });

  it('gives disconnected clients what they missed, and detects what is lost', async () => {
    const { load, fleet } = await running('ours', ['a', 'a', 'a']);
    const publish = (from: number, to: number) =>
      fleet.publisher.call('publishNumbered', { rooms: ['a'], from, to });
    await publish(0, 1);
    await load.call('arrived', 3);
    await load.call('cut');
    await publish(1, 11);
    const reopened = await load.call('reopen', { ports: fleet.ports.toReversed(), expected: 30 });
    expect(reopened).toMatchObject({ received: 30, outOfOrder: 0, refused: 0 });
    await publish(12, 13); // 11 is missing
    await load.call('arrived', 33);
    expect(await load.call('received')).toEqual({ received: 33, outOfOrder: 3 });
  });
});

describe('all of Mooring', () => {
  it('counts when counting is on, and works the same when it is off', async () => {
    const load = await startChild('load.ts');
    const fleet = await startFleet('mooring', 1);
    onTestFinished(async () => {
      await Promise.all([load.stop(), fleet.stop()]);
    });
    const [pod] = fleet.pods as [Awaited<ReturnType<typeof startChild>>];
    const [token] = await pod.call<string[]>('tokens', 1);
    await load.call('open', { plans: [{ port: fleet.ports[0], auth: { token, room: 'a' } }] });
    await load.call('arrived', 1); // its welcome
    const turns = { turns: 10, perTurn: 1, everyMs: 0, oneRoomPerTurn: true };
    const delivered = async (on: boolean, total: number) => {
      await pod.call('count', on);
      await fleet.publisher.call('publish', { rooms: ['a'], ...turns });
      await load.call('arrived', total);
      const text = await pod.call<string>('figures');
      return Number(/^mooring_messages_delivered_total (\d+)$/m.exec(text)?.[1]);
    };
    const before = await delivered(false, 11);
    expect(await delivered(false, 21)).toBe(before);
    expect(await delivered(true, 31)).toBe(before + 10);
  });
});

describe('the contestants of the whole service', () => {
  it('deliver each message once to each client of its room', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mooring-bundle-'));
    execFileSync(process.execPath, ['tools/bundle.ts', folder]);
    onTestFinished(() => rmSync(folder, { recursive: true }));
    for (const contestant of contestants(folder)) {
      const redis = contestant.usesRedis ? await startRedis() : undefined;
      const [load, server] = await Promise.all([
        startChild('whole/generator.ts'),
        startServer(contestant, redis?.url),
      ]);
      const { protocol, publishPath: path } = contestant;
      const tokens = Array.from({ length: 6 }, (_, i) =>
        mintToken(jwtSecret, { sub: `u${i}` }, 60),
      );
      const opening = { protocol, port: server.port, tokens, rooms: ['a', 'b'], count: 6 };
      await load.call('open', opening);
      expect(await load.call('publish', { inFlight: 4, messages: 20 }), contestant.name).toEqual({
        deliveries: 60,
        p50Ms: expect.any(Number),
      });
      expect(server.cpuMicros()).toBeGreaterThan(0);
      const body = { rooms: ['a'], event: 'message', data: {} };
      const posting = { port: server.backendPort, path, apiKey, body, inFlight: 2, requests: 4 };
      if (path) await load.call('post', posting);
      await Promise.all([load, server].map((each) => each.stop()));
      await redis?.stop();
    }
  });
});

describe('frames', () => {
  it('are found in any pieces, of every length', () => {
    const lengths = [0, 5, 125, 126, 70_000];
    const frames = lengths.map((length) => {
      const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
      head[0] = 0x81;
      head[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
      if (head.length === 4) head.writeUInt16BE(length, 2);
      if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
      return Buffer.concat([head, Buffer.alloc(length, 'x')]);
    });
    const bytes = Buffer.concat(frames);
    for (const end of [0, 1, 3, 8, 140, 145, 300, bytes.length]) {
      const found: number[] = [];
      const read = readFrames(bytes, end, (_, from, to) => found.push(to - from));
      expect(found).toEqual(lengths.slice(0, found.length));
      expect(read).toBeLessThanOrEqual(end);
      expect(read).toBe(Buffer.concat(frames.slice(0, found.length)).length);
    }
  });

  it('of clients are masked', () => {
    const frame = textFrame('hello');
    expect(frame[1]).toBe(0x80 | 5);
    expect(frame.subarray(6).toString()).not.toBe('hello');
  });
});

describe('results', () => {
  it('are medians with their range', () => {
    expect(summarize([9, 1, 3])).toEqual({ median: 3, min: 1, max: 9 });
    expect(summarize([4, 1, 2, 3]).median).toBe(2.5);
    expect(() => summarize([])).toThrow('no round');
  });

  it('replace the table and nothing else', () => {
    const page =
      'before\n<!-- results: written by `make bench` -->\nold\n<!-- end of results -->\nafter';
    const ours = summarize([1.25]);
    const row: Row = { what: 'work', unit: 'µs', stock: summarize([1]), ours, ratio: ours };
    const machine = { loadBefore: 0.5 } as never;
    const measured = { at: '2026-01-02T03:04:05Z', rounds: 1, seconds: 1, machine };
    const of = (targetMax: number) => ({
      scenarios: { cost: { ...measured, rows: [{ ...row, targetMax }] } },
    });
    const written = withTable(page, of(1.3));
    expect(written).toMatch(/^before\n[\s\S]*\| 1\.25 \| ≤ 1\.3: met \|[\s\S]*\nafter$/);
    expect(written).not.toContain('old');
    expect(withTable(written, of(1.2))).toContain('≤ 1.2: missed');
    expect(() => withTable('no markers', of(1))).toThrow('the page does not contain');
  });
});
