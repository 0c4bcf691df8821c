// Doing what back ends have ordered: closing sockets, for this process among all.
import type { MooringServer, MooringSocket } from '../protocol/identity.ts';
import { Unavailable } from '../protocol/refusals.ts';
import { userRoom } from '../protocol/rooms.ts';
import type { Order, Orders } from '../stores/commands.ts';

const lookMs = 500;
const repeatMs = 20_000; // longer than a connect takes whose token was verified before
type Report = (stage: string, error: unknown) => void;

export function obeyOrders(io: MooringServer, { give, take }: Orders, report: Report) {
  const begun = Promise.withResolvers<void>();
  let repeated: { order: Order; until: number }[] = [];
  const attempt = async () => {
    const orders = await take();
    begun.resolve();
    for (const order of orders) {
      if (order.type === 'revoke') repeated.push({ order, until: Date.now() + repeatMs });
      else close(io, order);
    }
    repeated = repeated.filter(({ until }) => until > Date.now());
    for (const { order } of repeated) close(io, order);
  };
  let looking: Promise<void> | undefined;
  const look = () => {
    looking ??= attempt()
      .catch((error) => error instanceof Unavailable || report('orders', error)) // next time, then
      .then(() => {
        looking = undefined;
      });
    return looking;
  };
  const timer = setInterval(look, lookMs);
  void look();

  return {
    /** Resolves when no order can be missed any more. */
    begun: begun.promise,
    /** Gives an order to every process, and has it done in this one. */
    async order(order: Order) {
      await give(order);
      await look();
    },
    async close() {
      clearInterval(timer);
      await looking;
    },
  };
}

/** Without a way back: a stock client does not connect again by itself, its session is deleted. */
function close(io: MooringServer, order: Order): void {
  for (const socket of [...socketsOf(io, order)]) {
    if (order.type === 'revoke' && socket.data.issuedAt >= order.before) continue;
    socket.disconnect(true);
  }
}

function* socketsOf(io: MooringServer, order: Order): Generator<MooringSocket> {
  const revoked = order.type === 'revoke';
  const users = revoked ? [order.userId] : order.users;
  for (const { adapter, sockets } of io._nsps.values()) {
    const named = revoked ? [] : order.sockets;
    const theirs = users.flatMap((userId) => [...(adapter.rooms.get(userRoom(userId)) ?? [])]);
    for (const id of [...named, ...theirs]) {
      const socket = sockets.get(id);
      if (socket) yield socket;
    }
  }
}
