// The client that the base adapter gets for its requests between servers. It drops the promises of
// its commands, so they are caught here; its subscriptions wait for Redis.
import type { Hub } from './hub.ts';

const retryMs = 1_000;

type Command = (...args: never[]) => Promise<unknown>;

export function createRequestClient({ connections, options }: Hub): object {
  const { main, opened } = connections;
  const failed = (error: unknown) => options.observer.failed('request', error);
  const command = (name: 'publish' | 'unsubscribe' | 'pUnsubscribe'): Command => {
    const run = main[name].bind(main) as Command;
    return (...args) => opened.then(() => run(...args)).catch(failed);
  };
  const lasting = (name: 'subscribe' | 'pSubscribe'): Command => {
    const run = main[name].bind(main) as Command;
    const attempt: Command = (...args) =>
      opened
        .then(() => run(...args))
        .catch((error) => {
          failed(error);
          if (main.isOpen) setTimeout(() => attempt(...args), retryMs).unref();
        });
    return attempt;
  };
  return {
    publish: command('publish'),
    unsubscribe: command('unsubscribe'),
    pUnsubscribe: command('pUnsubscribe'),
    subscribe: lasting('subscribe'),
    pSubscribe: lasting('pSubscribe'),
    sSubscribe() {}, // by it the base knows node-redis
    sendCommand: (args: string[]) => opened.then(() => main.sendCommand(args)),
    on() {}, // errors are observed already, and each namespace would add a listener
    off() {},
  };
}
