// The TCP connection of one client, as a proxy: it can be routed to another pod and cut below
// Engine.IO.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Proxy = Awaited<ReturnType<typeof openProxy>>;

export async function openProxy(port: number) {
  let target = port;
  const pairs = new Set<[Socket, Socket]>();
  const halfOpen = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.setNoDelay(true);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroySoon();
        pairs.delete(pair);
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  };
  /** Like a broken network: the pod does not notice, and its side stays open. */
  const breakNear = () => {
    for (const [near, far] of pairs) {
      far.unpipe(near);
      near.removeAllListeners('close').resetAndDestroy();
      far.resume().on('close', () => halfOpen.delete(far));
      halfOpen.add(far);
    }
    pairs.clear();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    port: () => target,
    cut,
    breakNear,
    /** As `breakNear`, for good. */
    vanish() {
      server.close();
      breakNear();
    },
    /** Routes new connections; earlier keep-alive connections must not be reused. */
    moveTo(port: number) {
      target = port;
      cut();
    },
    close() {
      server.close();
      cut();
      for (const far of halfOpen) far.destroy();
    },
  };
}
