// A message to this process itself: by the same script, connection, channels and gate as any other,
// so that it comes back exactly when other processes' messages would. No client ever sees it.

import type { Message } from './publisher.ts';
import type { Hub } from './stream.ts';

export type Echo = () => Promise<void>;

/** The returned function resolves when its message is back; of two at once, the later one. */
export function createEcho(hub: Hub, publish: (message: Message) => Promise<unknown>): Echo {
  const channel = `${hub.prefix}:echo:${hub.processId}`;
  let turn = 0;
  let heard = (_: string) => {};
  void hub.subscriptions.add(channel, undefined, (_, payload) => heard(payload.toString()));
  return async function echo() {
    turn += 1;
    const sent = String(turn);
    const back = new Promise<void>((resolve) => {
      heard = (text) => text === sent && resolve();
    });
    // In no log: it has no id, and moves nobody's position.
    await publish({ payload: Buffer.from(sent), logs: [], channels: [channel] });
    await back;
  };
}
