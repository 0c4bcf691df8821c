// Orders as a stream that every process reads at its own pace, and a key for each revoked user.
import { Unavailable } from '../../protocol/refusals.ts';
import { knownMax, type Order, type Orders, revokedMsMax } from '../commands.ts';
import { keyOf, type Redis, type StoreNeeds } from './connection.ts';

const streamKey = keyOf('orders');
const revokedKey = (userId: string) => keyOf(`revoked:${userId}`);
const ordersMax = 10_000; // more while a process is cut off from Redis: it misses the oldest
const orderMsMax = 3_600_000;
const takenMax = 1_000; // in one go: the rest comes with the next

// KEYS: revoked. ARGV: before, ms to keep it. It never goes back.
const revokeLua = `
local was = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) >= was then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1`;

// KEYS: orders. ARGV: orders max, ms to keep them, order.
const giveLua = `
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'order', ARGV[3])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

export const ordersNeeds: StoreNeeds = {
  scripts: [revokeLua, giveLua],
  commands: ['GET', 'XRANGE', 'XREVRANGE'],
};

export function createRedisOrders(redis: Redis): Orders {
  const known = new Map<string, number>(); // for while Redis is away
  let last: string | undefined;

  const remember = (userId: string, before: number) => {
    const latest = Math.max(before, known.get(userId) ?? 0);
    known.delete(userId);
    if (latest > 0) known.set(userId, latest);
    const [oldest] = known.keys();
    if (known.size > knownMax && oldest !== undefined) known.delete(oldest);
    return latest;
  };

  return {
    async give(order) {
      if (order.type === 'revoke') {
        const args = [order.before, revokedMsMax];
        await redis.script(revokeLua, [revokedKey(order.userId)], args);
      }
      await redis.script(giveLua, [streamKey], [ordersMax, orderMsMax, JSON.stringify(order)]);
    },
    async take() {
      if (last === undefined) {
        const newest = await redis.run((client) =>
          client.xRevRange(streamKey, '+', '-', { COUNT: 1 }),
        );
        last = newest?.[0]?.id ?? '0-0';
        return [];
      }
      const after = `(${last}`;
      const entries = await redis.run((client) =>
        client.xRange(streamKey, after, '+', { COUNT: takenMax }),
      );
      const orders = (entries ?? []).map(({ message }): Order => JSON.parse(message.order ?? ''));
      for (const order of orders) {
        if (order.type === 'revoke') remember(order.userId, order.before);
      }
      last = entries?.at(-1)?.id ?? last;
      return orders;
    },
    async revokedBefore(userId) {
      try {
        const before = await redis.run((client) => client.get(revokedKey(userId)));
        return remember(userId, Number(before ?? 0));
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        return known.get(userId) ?? 0;
      }
    },
  };
}
