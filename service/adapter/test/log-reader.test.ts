// How much one script call reads. A call that reads more would block Redis for everybody.
import { createClient, RESP_TYPES } from '@redis/client';
import { expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../../../test/harness/redis.ts';
import { evaluate } from '../engine/redis/evaluate.ts';
import { keysOf } from '../engine/redis/keys.ts';
import { readLogs } from '../engine/redis/log-reader.ts';

const entriesMax = 500;
const bytesMax = 300_000;

it.each([
  { logs: 100, each: 40, bytes: 100 },
  { logs: 100, each: 10, bytes: 1_000 },
  { logs: 1, each: 1_500, bytes: 1_000 },
  { logs: 3, each: 40, bytes: 50_000 },
  { logs: 1_200, each: 1, bytes: 10 },
])('$logs logs with $each entries of $bytes bytes take bounded calls', async (of) => {
  const { url } = await startRedis();
  const client = await createClient({ url, RESP: 3 }).connect();
  onTestFinished(() => client.destroy());
  const now = Number(((await client.sendCommand(['TIME'])) as unknown as string[])[0]) * 1e6;
  const names = Array.from({ length: of.logs }, (_, n) => `log-${n}`);
  await Promise.all(
    names.flatMap((log, i) => [
      client.xAdd(log, `${now}-0`, { start: '' }),
      ...Array.from({ length: of.each }, (_, n) =>
        client.xAdd(log, `${now + 1 + n * of.logs + i}-0`, { d: 'x'.repeat(of.bytes) }),
      ),
    ]),
  );
  const keys = keysOf('test');
  await client.mSet({
    [keys.sequence]: String(now + 1 + of.each * of.logs),
    [keys.lowWatermark]: String(now),
  });
  const buffered = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const calls: { entries: number; bytes: number; keys: number }[] = [];
  const read = async (script: { lua: string }, some: string[], args: string[]) => {
    const answer = await evaluate<unknown>(buffered as never, script.lua, some, args);
    const [, ...parts] = answer as [number, ...[number, Buffer, ...Buffer[]][]];
    const payloads = parts.flatMap(([, , ...entries]) => entries.filter((_, i) => i % 2 === 1));
    const bytes = payloads.reduce((sum, { length }) => sum + length, 0);
    calls.push({ entries: payloads.length, bytes, keys: some.length });
    return answer;
  };
  const limits = { messagesMax: 1e6, bytesMax: 1e9, upTo: '9'.repeat(16) };
  const positions = names.map((log) => ({ log, after: String(now) }));
  const parts = await readLogs({ read, keys, keepMs: 60_000 }, positions, limits);
  for (const part of parts) {
    expect(part.status === 'ok' && part.entries.length).toBe(of.each);
  }
  for (const call of calls) {
    expect(call.entries).toBeLessThanOrEqual(entriesMax);
    expect(call.bytes).toBeLessThanOrEqual(bytesMax + of.bytes);
    expect(call.keys).toBeLessThanOrEqual(510);
  }
});
