// Loopback: a message from this process to itself, on the same path as all others. It arrives only
// if messages of other processes would. Clients never receive it.
import { randomUUID } from 'node:crypto';
import { bodyOf, encode } from '../delivery/envelope.ts';
import type { Message } from './publisher.ts';
import type { Stream } from './stream.ts';

/**
 * Returns a function that resolves when its message arrives; of concurrent calls, only the last.
 */
export function createLoopback(
  { prefix, subscribe, format }: Stream,
  publish: (message: Message) => Promise<unknown>,
): () => Promise<void> {
  const channel = `${prefix}:loopback:${randomUUID()}`;
  let count = 0;
  let arrived = (_: string) => {};
  subscribe(channel, undefined, (_, payload) => arrived(bodyOf(payload).toString()));
  return async function loop() {
    count += 1;
    const sent = String(count);
    const back = new Promise<void>((resolve) => {
      arrived = (text) => text === sent && resolve();
    });
    // Without a log it gets no id, and does not change any position.
    await publish({ payload: encode([sent], {}, format()), logs: [], channels: [channel] });
    await back;
  };
}
