// Orders to one process, by itself.
import { knownMax, type Order, type Orders, revokedMsMax } from '../commands.ts';

export function createMemoryOrders(): Orders {
  const revoked = new Map<string, { before: number; until: number }>();
  let given: Order[] = [];
  return {
    async give(order) {
      given.push(order);
      if (order.type !== 'revoke') return;
      const { userId } = order;
      const before = Math.max(order.before, revoked.get(userId)?.before ?? 0);
      revoked.delete(userId); // so that the map stays in the order of writing
      revoked.set(userId, { before, until: Date.now() + revokedMsMax });
      const [oldest] = revoked.keys();
      if (revoked.size > knownMax && oldest !== undefined) revoked.delete(oldest);
    },
    async take() {
      const orders = given;
      given = [];
      return orders;
    },
    async revokedBefore(userId) {
      const entry = revoked.get(userId);
      return entry && entry.until > Date.now() ? entry.before : 0;
    },
  };
}
