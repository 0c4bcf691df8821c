// A message from this process to itself, on the same path as every other: it comes back exactly
// when messages of other processes would. No client ever sees it.
import { randomUUID } from 'node:crypto';
import type { Message } from './publisher.ts';
import type { Stream } from './stream.ts';

/** The returned function resolves when its message is back; of two at once, the later one. */
export function createLoopback(
  { prefix, subscribe }: Stream,
  publish: (message: Message) => Promise<unknown>,
): () => Promise<void> {
  const channel = `${prefix}:loopback:${randomUUID()}`;
  let count = 0;
  let arrived = (_: string) => {};
  subscribe(channel, undefined, (_, payload) => arrived(payload.toString()));
  return async function loop() {
    count += 1;
    const sent = String(count);
    const back = new Promise<void>((resolve) => {
      arrived = (text) => text === sent && resolve();
    });
    // In no log: it has no id, and moves nobody's position.
    await publish({ payload: Buffer.from(sent), logs: [], channels: [channel] });
    await back;
  };
}
