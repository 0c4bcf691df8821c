// The connections of one pod to Redis, as a proxy. They can be cut, stalled, muted or slowed down.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Link = Awaited<ReturnType<typeof openLink>>;

/**
 * `cut`: connections are reset, and refused until it is mended. `stalled`: everything arrives, but
 * not before it is mended. `muted`: Redis gets and runs the commands, and its answers are lost with
 * the connections.
 */
export const linkFaults = ['cut', 'stalled', 'muted'] as const;
export type LinkFault = (typeof linkFaults)[number];

export async function openLink(target: number) {
  const sockets = new Set<Socket>();
  let fault: LinkFault | undefined;
  let flowing = Promise.withResolvers<void>();
  flowing.resolve();
  let delayMs = 0;

  /** Keeps the order, and costs nothing while the link is in order. */
  const forward = (from: Socket, to: Socket, mayPass: () => boolean) => {
    let last: Promise<unknown> | undefined;
    from.on('data', (chunk) => {
      if (!mayPass()) return;
      if (!last && delayMs === 0 && fault !== 'stalled') return void to.write(chunk);
      const passed = Promise.all([last, flowing.promise, sleep(delayMs)]).then(() => {
        to.write(chunk);
        if (last === passed) last = undefined;
      });
      last = passed;
    });
    from.on('error', () => {});
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
    sockets.add(from);
  };
  const server = createServer((near) => {
    if (fault === 'cut') return void near.on('error', () => {}).resetAndDestroy();
    const far = connect(target, '127.0.0.1');
    forward(near, far, () => true);
    forward(far, near, () => fault !== 'muted');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const reset = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    break(how: LinkFault) {
      fault = how;
      if (how === 'cut') reset();
      if (how === 'stalled') flowing = Promise.withResolvers();
    },
    mend() {
      if (fault === 'muted') reset();
      fault = undefined;
      flowing.resolve();
    },
    /** Everything takes so long in each direction from now on. */
    delay(ms: number) {
      delayMs = ms;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
