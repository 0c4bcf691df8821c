// A way to a server that can be cut and mended, for one client among several. Whoever opens
// it closes it.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export async function openRelay(target: number) {
  const sockets = new Set<Socket>();
  const pairs = new Map<Socket, Socket>();
  let cut = false;
  let stopped: { at: string; seen: () => void } | undefined;
  let held: { chunk: Buffer; send: () => void }[] | undefined;
  let paused: { at: string; seen: () => void; from?: Socket; chunks: Buffer[] } | undefined;
  /** What of it may pass. */
  const passing = (chunk: Buffer): Buffer => {
    const at = stopped ? chunk.indexOf(stopped.at) : -1;
    if (at < 0) return chunk;
    stopped?.seen();
    return chunk.subarray(0, at);
  };
  const server = createServer((client) => {
    if (cut) return void client.destroy();
    const upstream = connect(target, '127.0.0.1');
    pairs.set(client, upstream);
    client.on('close', () => pairs.delete(client));
    let open = true;
    client.on('data', (chunk) => {
      const send = () => upstream.write(chunk);
      if (held) held.push({ chunk, send });
      else send();
    });
    upstream.on('data', (chunk) => {
      if (paused && (paused.from ?? (chunk.includes(paused.at) && upstream)) === upstream) {
        paused.from = upstream;
        paused.chunks.push(chunk);
        paused.seen();
        return;
      }
      const part = passing(chunk);
      if (open && part.length > 0) client.write(part);
      open &&= part.length === chunk.length;
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(one);
          other.destroy();
        });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    /** Nothing that is sent to the server arrives there, until `pass` or `cut`. */
    hold() {
      held = [];
    },
    pass() {
      const sending = held ?? [];
      held = undefined;
      for (const { send } of sending) send();
    },
    /** Whether the text was sent to the server since `hold`. */
    holds: (text: string) => held?.some(({ chunk }) => chunk.includes(text)) === true,
    /** Resolves when the server sends the text; neither it nor what follows it arrives. */
    stopAt: (text: string) =>
      new Promise<void>((resolve) => {
        stopped = { at: text, seen: resolve };
      }),
    /**
     * Resolves when the server sends the text. It and what follows it on the same connection wait
     * for the returned function.
     */
    pauseAt: (text: string) =>
      new Promise<() => void>((resolve) => {
        const waiting = { at: text, chunks: [] as Buffer[], seen: () => resolve(resume) };
        const resume = () => {
          const { from, chunks } = paused ?? {};
          paused = undefined;
          for (const [client, upstream] of pairs) {
            if (upstream === from) for (const chunk of chunks ?? []) client.write(chunk);
          }
        };
        paused = waiting;
      }),
    cut() {
      cut = true;
      held = stopped = undefined;
      for (const socket of sockets) socket.destroy();
    },
    mend() {
      cut = false;
    },
    /**
     * Resets the clients' connections, and new ones until `mend`. The server does not notice: its
     * side stays open.
     */
    breakClients() {
      cut = true;
      for (const [client, upstream] of pairs) {
        client.removeAllListeners('close').resetAndDestroy();
        upstream.removeAllListeners('data').resume();
        sockets.delete(client);
      }
      pairs.clear();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
