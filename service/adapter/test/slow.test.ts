// Redis answers too late: what was refused harms nobody afterwards. Found by `make chaos`.
import { describe, expect, it, onTestFinished } from 'vitest';
import { buildClocks } from '../../../test/harness/clock.ts';
import { startRedis } from '../../../test/harness/redis.ts';
import { nearAndFar } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';

type Parts = Awaited<ReturnType<typeof nearAndFar>>;

const quick = { commandMsMax: 300 };
const hourMs = 3_600_000;

/** The socket joins while Redis does not answer in time, which then answers again. */
async function joinLate({ redis }: Parts, join: () => Promise<void> | void): Promise<void> {
  await redis.command('CLIENT', 'PAUSE', '1000', 'ALL');
  await expect(join()).rejects.toThrow('300 ms');
  await redis.command('PING');
}

describe('a join that Redis answered too late', () => {
  it('does not keep others out of the room', async () => {
    const parts = await nearAndFar(quick);
    const [late, other] = [await parts.connect(), await parts.connect()];
    await joinLate(parts, () => late.socket.join('room'));
    await until('the room is open again', async () => {
      await other.socket.leave('room');
      const joining = Promise.resolve(other.socket.join('room'));
      return joining.then(
        () => true,
        () => false,
      );
    });
    await parts.publish(['room'], 'hello');
    await until('it arrives', () => other.seen.length > 0);
  });

  it('loses no later message, although the clock of Redis was set back before', async (context) => {
    const clocks = buildClocks();
    if (!clocks) return context.skip('clocks cannot be set on this machine');
    onTestFinished(clocks.remove);
    const clock = clocks.create('redis');
    const parts = await nearAndFar(quick, {}, startRedis({}, clock.env));
    const { client, socket, seen } = await parts.connect();
    clock.step(-hourMs);
    await joinLate(parts, () => socket.join('room'));
    await until('it is saved', async () => {
      const key = `socket.io:/:session:${Reflect.get(client, '_pid')}`;
      return (await parts.redis.command('HGET', key, 'room:room')) !== null;
    });
    const gone = next(client, 'disconnect');
    client.io.reconnection(false);
    client.io.engine.close();
    await gone;
    await parts.publish(['room'], 'missed');
    const back = next(client, 'connect');
    client.io.reconnection(true); // on a busy machine the first attempt may take too long
    client.connect();
    await back;
    expect(client.recovered).toBe(true);
    await until('it is replayed', () => seen.includes('missed'), 10_000);
  });
});
